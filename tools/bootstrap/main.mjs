/** `node tools/bootstrap/main.mjs`: sets this clone up and says with what. */
import { fileURLToPath } from 'node:url';
import { fail, findRuntime, relaunch, runsSources, setUp } from './index.mjs';
import { createReport } from './report.mjs';

try {
  const report = createReport();
  const runtime = await findRuntime({ report });
  if (runsSources(process.versions.node)) {
    await setUp({ report, env: runtime.env });
    report.line(`set up, with Node ${process.version}`);
  } else {
    await relaunch(runtime, [fileURLToPath(import.meta.url)]);
  }
} catch (error) {
  fail(error);
}
