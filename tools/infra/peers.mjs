/**
 * A Python with OSS Vizier and Optuna, for measurements beside them: the packages of `peers-requirements.txt`, pinned, in a virtual environment of the cache.
 * As a command: `node tools/infra/peers.mjs` prints its interpreter.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, installOnce, requireFreeDisk, sha256 } from '../bootstrap/cache.mjs';
import { fail } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport } from '../bootstrap/report.mjs';

const REQUIREMENTS = fileURLToPath(new URL('./peers-requirements.txt', import.meta.url));

/**
 * @param {{cache?: string, report?: import('../bootstrap/report.mjs').Report}} [options]
 * @returns {Promise<string>} the interpreter
 */
export async function ensurePeers({ cache = cacheDirectory(), report = createReport() } = {}) {
  const folder = path.join(cache, 'peers', sha256(fs.readFileSync(REQUIREMENTS)).slice(0, 12));
  await installOnce(folder, async (target) => {
    requireFreeDisk(cache, 3e9, 'OSS Vizier and Optuna');
    await report.step('installing OSS Vizier and Optuna from PyPI (some 500 MB with JAX)', async () => {
      await run('python3', ['-m', 'venv', target], { missing: 'python3 is not installed', failed: 'python3 could not make a virtual environment' });
      const flags = ['-m', 'pip', 'install', '--quiet', '--no-cache-dir', '--disable-pip-version-check', '-r', REQUIREMENTS];
      await run(path.join(target, 'bin', 'python'), flags, { failed: 'pip could not install OSS Vizier and Optuna' });
    });
  });
  return path.join(folder, 'bin', 'python');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.stdout.write(`${await ensurePeers()}\n`);
  } catch (error) {
    fail(error);
  }
}
