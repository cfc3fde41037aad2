/** `npm run scale [-- --evaluations N --workers N --no-peers --json --publish]`: the set-up, then what a cluster of one machine carries, beside OSS Vizier and Optuna. */
import path from 'node:path';
import { onRuntime, root, setUp } from '../bootstrap/index.mjs';

await onRuntime(import.meta.url, async (_, report) => {
  await setUp({ report });
  await import(path.join(root, 'apps', 'e2e', 'src', 'scale', 'main.ts'));
});
