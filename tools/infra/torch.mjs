/**
 * A Python with PyTorch, for benchmarks beside it: one version in a virtual environment of the cache, and torchvision in a folder beside it.
 * As a command: `node tools/infra/torch.mjs VERSION` prints its interpreter; with `torchvision` behind it, on a second line, the folder that PYTHONPATH has
 * to name.
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

/** Of PyPI, for torch 2.14 and newer. */
const TORCHVISION = '0.29.2';
const PILLOW = '13.0.0';

/**
 * @param {string} interpreter of a Python with torch
 * @param {{cache?: string, report?: import('../bootstrap/report.mjs').Report}} [options]
 * @returns {Promise<string>} the folder with torchvision
 */
export async function ensureTorchvision(interpreter, { cache = cacheDirectory(), report = createReport() } = {}) {
  const folder = path.join(cache, 'torchvision', TORCHVISION);
  await installOnce(folder, async (target) => {
    await report.step(`installing torchvision ${TORCHVISION} from PyPI`, async () => {
      const flags = ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '--disable-pip-version-check', '--no-deps', '--target', target];
      await run(interpreter, [...flags, `torchvision==${TORCHVISION}`, `pillow==${PILLOW}`], { failed: `pip could not install torchvision ${TORCHVISION}` });
    });
  });
  return folder;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const interpreter = await ensureTorch(process.argv[2] ?? '');
    process.stdout.write(`${interpreter}\n`);
    if (process.argv[3] === 'torchvision') process.stdout.write(`${await ensureTorchvision(interpreter)}\n`);
  } catch (error) {
    fail(error);
  }
}
