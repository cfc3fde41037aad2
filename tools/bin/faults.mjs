/** `npm run faults [-- --only TEXT --json --publish]`: the set-up, then the fault matrix on a cluster of its own. */
import path from 'node:path';
import { onRuntime, root, setUp } from '../bootstrap/index.mjs';

await onRuntime(import.meta.url, async (_, report) => {
  await setUp({ report });
  await import(path.join(root, 'apps', 'e2e', 'src', 'faults', 'main.ts'));
});
