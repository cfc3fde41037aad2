/**
 * A Python with PyTorch, for benchmarks beside it: one version in a virtual environment of the cache.
 * As a command: `node tools/infra/torch.mjs VERSION` prints its interpreter.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, installOnce, requireFreeDisk } from '../bootstrap/cache.mjs';
import { fail } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport } from '../bootstrap/report.mjs';

/**
 * @param {string} version of PyPI's torch
 * @param {{cache?: string, report?: import('../bootstrap/report.mjs').Report}} [options]
 * @returns {Promise<string>} the interpreter
 */
export async function ensureTorch(version, { cache = cacheDirectory(), report = createReport() } = {}) {
  const folder = path.join(cache, 'torch', version);
  await installOnce(folder, async (target) => {
    requireFreeDisk(cache, 8e9, `PyTorch ${version}`);
    await report.step(`installing PyTorch ${version} from PyPI (some GB with its libraries)`, async () => {
      const missing = 'python3 is not installed';
      await run('python3', ['-m', 'venv', target], { missing, failed: 'python3 could not make a virtual environment' });
      const flags = ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '--disable-pip-version-check', `torch==${version}`, 'numpy<2'];
      await run(path.join(target, 'bin', 'python'), flags, { failed: `pip could not install PyTorch ${version}` });
    });
  });
  return path.join(folder, 'bin', 'python');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.stdout.write(`${await ensureTorch(process.argv[2] ?? '')}\n`);
  } catch (error) {
    fail(error);
  }
}
