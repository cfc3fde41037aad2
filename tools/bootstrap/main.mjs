/** `node tools/bootstrap/main.mjs`: sets this clone up and says with what. */
import { onRuntime, setUp } from './index.mjs';

await onRuntime(import.meta.url, async ({ env }, report) => {
  await setUp({ report, env });
  report.line(`set up, with Node ${process.version}`);
});
