import { createHash } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { SetupError } from './report.mjs';

/** The folder that outlives a clone: `NAT_CACHE_DIR`, else `nat` under the user's cache folder. */
export function cacheDirectory(env = process.env) {
  if (env['NAT_CACHE_DIR']) return path.resolve(env['NAT_CACHE_DIR']);
  return path.join(env['XDG_CACHE_HOME'] || path.join(os.homedir(), '.cache'), 'nat');
}

/** Hex sha256 of texts or buffers, in order. @param {...(string | Buffer)} parts */
export function sha256(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/**
 * Fills `target` once. `fill` writes into a fresh folder beside it, which becomes `target` by one rename: an interrupted fill leaves nothing
 * that could be taken for a finished one, and its leavings are swept by the next.
 * @param {string} target
 * @param {(folder: string) => Promise<void>} fill
 */
export async function installOnce(target, fill) {
  if (fs.existsSync(target)) return;
  const parent = path.dirname(target);
  fs.mkdirSync(parent, { recursive: true });
  const prefix = `.${path.basename(target)}.partial-`;
  for (const name of fs.readdirSync(parent)) {
    if (!name.startsWith(prefix)) continue;
    const owner = Number(name.slice(prefix.length).split('-')[0]);
    if (!isAlive(owner)) fs.rmSync(path.join(parent, name), { recursive: true, force: true });
  }
  const folder = fs.mkdtempSync(path.join(parent, `${prefix}${process.pid}-`));
  fs.chmodSync(folder, 0o755);
  try {
    await fill(folder);
    try {
      fs.renameSync(folder, target);
    } catch (error) {
      if (!fs.existsSync(target)) throw error; // another set-up finished the same content first
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/** Writes a small file so that a reader sees the old content or the new, never a part. @param {string} file @param {string} text */
export function writeAtomically(file, text) {
  const partial = `${file}.${process.pid}.partial`;
  fs.writeFileSync(partial, text);
  fs.renameSync(partial, file);
}

/**
 * Runs `task` while no other process of this machine runs one under the same name. The lock is a socket in Linux's abstract namespace, which
 * the kernel frees with its process, so a killed set-up leaves nothing stale. Elsewhere there is no lock, only the atomic renames.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} task
 * @param {() => void} onWait called once when another process holds the lock
 * @returns {Promise<T>}
 */
export async function withLock(name, task, onWait = () => undefined) {
  if (process.platform !== 'linux') return task();
  const address = `\0nat-setup-${sha256(name).slice(0, 24)}`;
  let waited = false;
  for (;;) {
    const server = await listen(address);
    if (server !== undefined) {
      try {
        return await task();
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    }
    if (!waited) onWait();
    waited = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** @param {string} address @returns {Promise<net.Server | undefined>} nothing when the address is taken */
function listen(address) {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.destroy());
    server.once('error', (error) => {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(address, () => resolve(server));
  });
}

/**
 * Refuses to start what cannot finish for want of disk.
 * @param {string} folder
 * @param {number} bytes
 * @param {string} purpose
 */
export function requireFreeDisk(folder, bytes, purpose) {
  fs.mkdirSync(folder, { recursive: true });
  const { bavail, bsize } = fs.statfsSync(folder);
  const free = bavail * bsize;
  if (free < bytes) {
    throw new SetupError(
      `${purpose} needs ${(bytes / 1e9).toFixed(1)} GB free under ${folder}, which has ${(free / 1e9).toFixed(1)} GB: free some, or set NAT_CACHE_DIR to another disk`,
    );
  }
}
