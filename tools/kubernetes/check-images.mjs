/** `node tools/kubernetes/check-images.mjs`: lints the Dockerfile with hadolint; a warning fails. */
import path from 'node:path';
import { fail, root } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport } from '../bootstrap/report.mjs';
import { ensureHadolint } from './programs.mjs';

try {
  const hadolint = await ensureHadolint({ report: createReport() });
  await run(hadolint, ['--no-color', '--failure-threshold', 'info', path.join(root, 'deploy', 'docker', 'Dockerfile')], { failed: 'hadolint' });
} catch (error) {
  fail(error);
}
