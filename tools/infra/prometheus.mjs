/**
 * A real Prometheus and promtool for tests: Debian's package, taken and unpacked without root. As a command: `node tools/infra/prometheus.mjs` prints
 * the folder of the programs.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, installOnce, requireFreeDisk } from '../bootstrap/cache.mjs';
import { fail } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { createReport } from '../bootstrap/report.mjs';

const PACKAGE = 'prometheus';
/** Of the cache entry: raised when what is kept in it changes. */
const LAYOUT = '1';

const folderIn = (/** @type {string} */ cache) => path.join(cache, 'prometheus', LAYOUT);
const programsIn = (/** @type {string} */ folder) => path.join(folder, 'usr', 'bin');

/**
 * Why Prometheus cannot be had here: nothing when it can.
 * @returns {Promise<string | undefined>}
 */
export async function prometheusAvailability(cache = cacheDirectory()) {
  if (fs.existsSync(folderIn(cache))) return undefined;
  if (process.platform !== 'linux') return "Prometheus is taken from Debian's packages, which are for Linux";
  for (const program of ['apt-get', 'dpkg-deb']) {
    try {
      await run(program, ['--version']);
    } catch {
      return `${program} is not installed, and Prometheus is taken from Debian's packages`;
    }
  }
  return undefined;
}

/**
 * Prometheus and promtool. apt checks the archive's signature, so that no digest is pinned here: the version is that of the machine's Debian.
 * @param {{cache?: string, report?: import('../bootstrap/report.mjs').Report}} [options]
 * @returns {Promise<string>} the folder of `prometheus` and `promtool`
 */
export async function ensurePrometheus({ cache = cacheDirectory(), report = createReport() } = {}) {
  const folder = folderIn(cache);
  if (!fs.existsSync(folder)) requireFreeDisk(cache, 4e8, 'Prometheus');
  await installOnce(folder, (target) =>
    report.step("taking Prometheus from Debian's packages (19 MB)", async () => {
      const taken = path.join(target, 'taken');
      fs.mkdirSync(taken);
      await download(taken, target);
      const [archive = ''] = fs.readdirSync(taken).filter((name) => name.endsWith('.deb'));
      await run('dpkg-deb', ['-x', path.join(taken, archive), target], { failed: `dpkg-deb could not unpack ${archive}` });
      fs.rmSync(taken, { recursive: true });
      // The pages that it serves to people, and nothing that a test needs.
      fs.rmSync(path.join(target, 'usr', 'share'), { recursive: true, force: true });
    }),
  );
  return programsIn(folder);
}

/** Takes the package into `taken`: by the package lists of the machine, else by lists of our own, which take no root. @param {string} taken @param {string} scratch */
async function download(taken, scratch) {
  try {
    await run('apt-get', ['-qq', 'download', PACKAGE], { cwd: taken });
  } catch {
    const state = path.join(scratch, 'apt');
    for (const name of ['lists/partial', 'archives/partial']) fs.mkdirSync(path.join(state, name), { recursive: true });
    const own = [
      '-qq',
      '-o',
      `Dir::State=${state}`,
      '-o',
      `Dir::State::Lists=${path.join(state, 'lists')}`,
      '-o',
      `Dir::Cache=${state}`,
      '-o',
      'Debug::NoLocking=1',
    ];
    await run('apt-get', [...own, 'update'], { failed: 'apt-get could not read the package lists' });
    await run('apt-get', [...own, 'download', PACKAGE], { cwd: taken, failed: `apt-get could not take ${PACKAGE}` });
    fs.rmSync(state, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const unavailable = await prometheusAvailability();
    if (unavailable !== undefined) throw new Error(unavailable);
    console.log(await ensurePrometheus());
  } catch (error) {
    fail(error);
  }
}
