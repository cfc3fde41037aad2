import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../bootstrap/report.mjs';

/** Ports from here on are not privileged, and none that a well-known server has by default. */
const LOWEST_PORT = 10_240;

/** The lowest port that the kernel gives to outgoing connections, which may take it between our look and the server's start. */
function lowestEphemeralPort() {
  try {
    return Number(fs.readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/)[0]);
  } catch {
    return 32_768;
  }
}

/** @param {number} port 0: any @returns {Promise<number | undefined>} the port, where nothing listens on it */
function bindable(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = /** @type {net.AddressInfo} */ (server.address());
      server.close(() => resolve(address.port));
    });
  });
}

/** A port of 127.0.0.1 that nothing listens on now, and that no outgoing connection takes. @returns {Promise<number>} */
export async function freePort() {
  const ports = lowestEphemeralPort() - LOWEST_PORT;
  for (let attempt = 0; ports > 0 && attempt < 100; attempt++) {
    const port = await bindable(LOWEST_PORT + Math.floor(Math.random() * ports));
    if (port !== undefined) return port;
  }
  const port = await bindable(0);
  if (port === undefined) throw new SetupError('no port of 127.0.0.1 is free');
  return port;
}

/**
 * True when the process runs and its command line holds `mark`: a number in an old file may by now be another program.
 * @param {number} pid
 * @param {string} mark
 */
export function isRunning(pid, mark) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').includes(mark);
  } catch {
    return false;
  }
}

/**
 * Starts a server that outlives this process, its output in `log`, and waits until `ready` says so.
 * @param {{name: string, command: string, args: string[], log: string, cwd?: string, env?: NodeJS.ProcessEnv, uid?: number, gid?: number, timeoutMs: number,
 *   ready: () => Promise<boolean>}} options
 * @returns {Promise<number>} its process id
 */
export async function startDaemon({ name, command, args, log, timeoutMs, ready, ...rest }) {
  const out = fs.openSync(log, 'a');
  const child = spawn(command, args, { ...rest, detached: true, stdio: ['ignore', out, out] });
  fs.closeSync(out);
  /** @type {string | undefined} */
  let ended;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = `ended with ${signal ?? `exit ${code}`}`;
  });
  const abandon = () => child.kill('SIGKILL');
  process.once('exit', abandon);
  const deadline = Date.now() + timeoutMs;
  while (ended === undefined && Date.now() < deadline) {
    if (child.pid !== undefined && (await ready())) {
      process.off('exit', abandon);
      child.unref();
      return child.pid;
    }
    await sleep(50);
  }
  process.off('exit', abandon);
  if (ended === undefined) abandon();
  const tail = fs.readFileSync(log, 'utf8').trim().split('\n').slice(-15).join('\n  ');
  throw new SetupError(`${name} ${ended ?? `did not answer within ${timeoutMs / 1000} s`}; the end of ${log}:\n  ${tail}`);
}

const REAPED_MS = 2_000;

/**
 * Waits until the parent of a process that has ended knows: until then its number is taken, and PostgreSQL thinks that it still has the data. Not for
 * ever: a parent may never look.
 * @param {number} pid
 */
async function reaped(pid) {
  const deadline = Date.now() + REAPED_MS;
  while (Date.now() < deadline) {
    try {
      // Empty from when its memory goes until its parent has looked; else the number is another program's by now.
      if (fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '') return;
    } catch {
      return;
    }
    await sleep(10);
  }
}

/**
 * Ends a process and waits until it is gone; after `graceMs` by SIGKILL.
 * @param {number} pid
 * @param {string} mark as for {@link isRunning}
 * @param {NodeJS.Signals} signal
 * @param {number} graceMs
 */
export async function endProcess(pid, mark, signal, graceMs) {
  for (const [how, wait] of /** @type {[NodeJS.Signals, number][]} */ ([
    [signal, graceMs],
    ['SIGKILL', 10_000],
  ])) {
    if (!isRunning(pid, mark)) return reaped(pid);
    try {
      process.kill(pid, how);
    } catch {
      return; // it ended between the look and the signal
    }
    const deadline = Date.now() + wait;
    while (Date.now() < deadline) {
      if (!isRunning(pid, mark)) return reaped(pid);
      await sleep(30);
    }
  }
  throw new SetupError(`process ${pid} does not end`);
}
