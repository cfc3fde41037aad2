/** `npm run soak [-- --minutes N --every SECONDS --json]`: the set-up, then searches on a cluster whose processes are killed at random. */
import path from 'node:path';
import { onRuntime, root, setUp } from '../bootstrap/index.mjs';

await onRuntime(import.meta.url, async (_, report) => {
  await setUp({ report });
  await import(path.join(root, 'apps', 'e2e', 'src', 'soak', 'main.ts'));
});
