import fs from 'node:fs';
import path from 'node:path';
import { sha256, writeAtomically } from './cache.mjs';
import { run } from './process.mjs';
import { SetupError } from './report.mjs';

const STAMP = path.join('node_modules', '.nat-dependencies');

/** @param {string} root */
function lockHash(root) {
  return sha256(fs.readFileSync(path.join(root, 'package-lock.json')));
}

/** True when node_modules was made, or found to be, of this package-lock.json. @param {string} root */
export function hasDependencies(root) {
  try {
    return fs.readFileSync(path.join(root, STAMP), 'utf8') === lockHash(root);
  } catch {
    return false;
  }
}

/**
 * True when what npm wrote down as installed holds every package of the lock in its version, so that a hand-run `npm install` is not undone.
 * Packages for other machines (optional) may be absent.
 * @param {string} root
 */
export function matchesLock(root) {
  let installed;
  try {
    installed = JSON.parse(fs.readFileSync(path.join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
  } catch {
    return false;
  }
  const wanted = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const present = (/** @type {string} */ at) => fs.existsSync(path.join(root, at, 'package.json'));
  return Object.entries(wanted).every(([at, entry]) => {
    if (at === '') return true;
    const found = installed[at];
    if (found === undefined) return entry.optional === true || entry.peer === true;
    return found.version === entry.version && (found.link === true || !at.includes('node_modules') || present(at));
  });
}

/**
 * `npm ci` without install scripts, when package-lock.json is not what node_modules was made of.
 * @param {{root: string, env: NodeJS.ProcessEnv, report: import('./report.mjs').Report}} options `env` must have the Node to install for first on its PATH
 */
export async function ensureDependencies({ root, env, report }) {
  if (hasDependencies(root)) return;
  if (!matchesLock(root)) {
    await report.step('installing packages (npm ci)', () =>
      run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
        cwd: root,
        env,
        missing: 'npm is not installed: it comes with Node',
        failed: 'npm ci failed',
      }),
    );
    if (!fs.existsSync(path.join(root, 'node_modules'))) throw new SetupError('npm ci left no node_modules');
  }
  writeAtomically(path.join(root, STAMP), lockHash(root));
}
