/**
 * `npm run conformance [-- vitest arguments]`: the set-up, then every case of the golden vectors in `NAT_GOLDEN_DIR` (default: fixtures/golden)
 * against the official code's numbers; the last line is `N passed, N failed, N skipped`.
 */
import path from 'node:path';
import { onRuntime, root, setUp } from '../bootstrap/index.mjs';
import { countInto, runTests } from '../testing/run-tests.mjs';

await onRuntime(import.meta.url, async ({ node, env }, report) =>
  countInto(async () => {
    await setUp({ report, env });
    const golden = path.resolve(process.env['NAT_GOLDEN_DIR'] || path.join(root, 'fixtures', 'golden'));
    return runTests({ node, args: ['.conformance.test.ts', ...process.argv.slice(2)], env: { ...env, NAT_GOLDEN_DIR: golden } });
  }),
);
