/**
 * A Python with a gRPC client that is not ours, for tests: the packages of `python-requirements.txt`, pinned, in a virtual environment of the cache.
 * As a command: `node tools/infra/python.mjs` prints its interpreter.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, installOnce, requireFreeDisk, sha256 } from '../bootstrap/cache.mjs';
import { fail } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport } from '../bootstrap/report.mjs';

const REQUIREMENTS = fileURLToPath(new URL('./python-requirements.txt', import.meta.url));
const DESCRIBE = 'import sys; print(sys.executable, *sys.version_info[:2], sep="\\n")';
/** What grpcio asks for. */
const OLDEST = 9;

/** @returns {Promise<{executable: string, minor: number} | undefined>} the Python 3 on PATH */
async function findPython() {
  try {
    const [executable = '', , minor] = (await run('python3', ['-c', DESCRIBE])).trim().split('\n');
    return { executable, minor: Number(minor) };
  } catch {
    return undefined;
  }
}

/**
 * Why the client cannot be had here: nothing when it can.
 * @returns {Promise<string | undefined>}
 */
export async function pythonAvailability() {
  const python = await findPython();
  if (python === undefined) return 'python3 is not installed';
  if (python.minor < OLDEST) return `python3 is older than 3.${OLDEST}`;
  try {
    await run('python3', ['-m', 'pip', '--version']);
    return undefined;
  } catch {
    return 'python3 has no pip';
  }
}

/**
 * @param {{cache?: string, report?: import('../bootstrap/report.mjs').Report}} [options]
 * @returns {Promise<string>} the interpreter
 */
export async function ensurePython({ cache = cacheDirectory(), report = createReport() } = {}) {
  const { executable, minor } = (await findPython()) ?? { executable: 'python3', minor: OLDEST };
  const key = sha256(fs.readFileSync(REQUIREMENTS), executable, String(minor)).slice(0, 12);
  const folder = path.join(cache, 'python', key);
  if (!fs.existsSync(folder)) requireFreeDisk(cache, 2e8, 'a Python client');
  await installOnce(folder, (target) =>
    report.step('taking a Python gRPC client from PyPI (10 MB)', async () => {
      const missing = 'python3 is not installed';
      // Without pip of its own: distributions split that off, and the one outside can fill it.
      await run('python3', ['-m', 'venv', '--without-pip', target], { missing, failed: 'python3 could not make a virtual environment' });
      const site = path.join(target, 'lib', `python3.${minor}`, 'site-packages');
      const flags = ['--quiet', '--no-cache-dir', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--target', site, '-r', REQUIREMENTS];
      await run('python3', ['-m', 'pip', 'install', ...flags], { missing, failed: 'pip could not install the Python gRPC client' });
    }),
  );
  return path.join(folder, 'bin', 'python3');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    console.log(await ensurePython());
  } catch (error) {
    fail(error);
  }
}
