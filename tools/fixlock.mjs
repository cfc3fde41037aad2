/**
 * `node tools/fixlock.mjs [--check]`: completes package-lock.json after `npm install`.
 *
 * A package's builds for other machines are optional dependencies. npm leaves one out of the lock when the registry in use does not serve it,
 * and then refuses its own lock (`npm ci`: "Missing: ... from lock file"). Each gets an entry that names its version and machine, which is
 * never fetched here. `--check` changes nothing and exits 1 when an entry is missing.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** @type {Record<string, string>} */
const OS = {
  darwin: 'darwin',
  linux: 'linux',
  win32: 'win32',
  freebsd: 'freebsd',
  openbsd: 'openbsd',
  netbsd: 'netbsd',
  android: 'android',
  sunos: 'sunos',
  aix: 'aix',
  openharmony: 'openharmony',
};
/** @type {Record<string, string>} */
const CPU = {
  arm64: 'arm64',
  aarch64: 'arm64',
  x64: 'x64',
  ia32: 'ia32',
  arm: 'arm',
  armv7: 'arm',
  loong64: 'loong64',
  mips64el: 'mips64el',
  ppc64: 'ppc64',
  ppc64le: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
};

/** The machine a package name speaks of, such as `@oxc-parser/binding-linux-x64-musl`. @param {string} name */
export function machineOf(name) {
  const words = name.split(/[/\-.]/);
  const os = words.map((word) => OS[word]).find((value) => value !== undefined);
  const cpu = words.map((word) => CPU[word]).find((value) => value !== undefined);
  if (os === undefined || cpu === undefined) return undefined;
  const libc = words.some((word) => word.startsWith('musl')) ? ['musl'] : words.some((word) => word.startsWith('gnu')) ? ['glibc'] : undefined;
  return { os: [os], cpu: [cpu], ...(libc === undefined || os !== 'linux' ? {} : { libc }) };
}

/**
 * The optional dependencies that a lock names but does not hold.
 * @param {{packages: Record<string, any>}} lock
 * @returns {{name: string, entry: Record<string, unknown>}[]}
 */
export function missingEntries(lock) {
  const missing = new Map();
  for (const [at, entry] of Object.entries(lock.packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      if (resolves(lock.packages, at, name)) continue;
      const version = /^[\^~]?(\d+\.\d+\.\d+\S*)$/.exec(range)?.[1];
      const machine = machineOf(name);
      if (version === undefined || machine === undefined) continue;
      missing.set(name, { version, ...(entry.dev === true ? { dev: true } : {}), optional: true, ...machine });
    }
  }
  return [...missing].map(([name, entry]) => ({ name, entry }));
}

/**
 * Node's look-up: the package's own node_modules, then each folder above.
 * @param {Record<string, unknown>} packages
 * @param {string} at
 * @param {string} name
 */
function resolves(packages, at, name) {
  for (let folder = at; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`] !== undefined) return true;
    if (folder === '') return false;
    if (!folder.includes('/node_modules/')) return packages[`node_modules/${name}`] !== undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'package-lock.json');
  const lock = JSON.parse(fs.readFileSync(file, 'utf8'));
  const missing = missingEntries(lock);
  if (process.argv.includes('--check')) {
    for (const { name } of missing) console.error(`package-lock.json lacks ${name}: run node tools/fixlock.mjs`);
    process.exitCode = missing.length === 0 ? 0 : 1;
  } else if (missing.length > 0) {
    for (const { name, entry } of missing) lock.packages[`node_modules/${name}`] = entry;
    lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
    fs.writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
    console.log(`package-lock.json: ${missing.length} entries for other machines added`);
  }
}
