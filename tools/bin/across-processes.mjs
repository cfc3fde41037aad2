/** `npm run faults|soak|scale [-- options]`: the set-up, then that program of apps/e2e, which starts a cluster of its own. */
import path from 'node:path';
import { onRuntime, root, setUp } from '../bootstrap/index.mjs';

await onRuntime(import.meta.url, async (_, report) => {
  await setUp({ report });
  const [program = ''] = process.argv.splice(2, 1); // what is left are its options
  await import(path.join(root, 'apps', 'e2e', 'src', program, 'main.ts'));
});
