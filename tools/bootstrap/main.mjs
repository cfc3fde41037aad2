/** `node tools/bootstrap/main.mjs`: sets this clone up and says what it is. */
import { fail, findRuntime, setUp } from './index.mjs';
import { createReport } from './report.mjs';

try {
  const report = createReport();
  const { node, env } = await findRuntime({ report });
  await setUp({ report, env });
  report.line(`set up, with ${node}`);
} catch (error) {
  fail(error);
}
