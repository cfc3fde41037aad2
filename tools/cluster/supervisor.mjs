import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../bootstrap/report.mjs';

/**
 * @typedef {object} ProgramOptions
 * @property {string} name of the process, and of its log file
 * @property {string} command
 * @property {string[]} args
 * @property {NodeJS.ProcessEnv} env all of it
 * @property {string} log its output, appended
 * @property {(line: string) => boolean} isReady whether this line says that it serves
 *
 * @typedef {object} Program a process that is started again whenever it ends
 * @property {string} name
 * @property {() => number | undefined} pid of the one that runs now
 * @property {() => number} restarts
 * @property {() => Promise<void>} ready the one that runs now, or the next
 * @property {(signal: NodeJS.Signals) => void} kill
 * @property {(graceMs: number) => Promise<void>} stop for good: SIGTERM, then SIGKILL
 */

/** Pause before a start again, doubled for each process that lived shorter than SETTLED_MS. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
const SETTLED_MS = 10_000;
/** A process that ended so often before it ever served will not. */
const MOST_FAILED_STARTS = 5;

/**
 * Keeps one process running. It has a process group of its own, so that Ctrl-C reaches whoever supervises and not what is supervised.
 * @param {ProgramOptions} options
 * @returns {Program}
 */
export function supervise({ name, command, args, env, log, isReady }) {
  let restarts = -1;
  let everReady = false;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;
  let ready = Promise.withResolvers();
  ready.promise.catch(() => undefined);
  const stopping = new AbortController();
  const stopped = () => stopping.signal.aborted;

  const runOnce = async () => {
    restarts += 1;
    const running = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    child = running;
    const file = fs.createWriteStream(log, { flags: 'a' });
    for (const stream of [running.stdout, running.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        file.write(`${line}\n`);
        if (child !== running || !isReady(line)) return;
        everReady = true;
        ready.resolve(undefined);
      });
    }
    await new Promise((resolve) => {
      running.once('exit', resolve);
      running.once('error', resolve);
    });
    child = undefined;
    // Its streams may still hold lines: the file ends with them.
    running.once('close', () => file.end());
  };
  const keep = async () => {
    let short = 0;
    while (!stopped()) {
      const since = performance.now();
      await runOnce();
      if (stopped()) return;
      if (everReady) {
        ready = Promise.withResolvers();
        ready.promise.catch(() => undefined);
      }
      short = performance.now() - since < SETTLED_MS ? short + 1 : 0;
      if (!everReady && short === MOST_FAILED_STARTS) ready.reject(new SetupError(`${name} does not start; see ${log}`));
      await sleep(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** short), undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const kept = keep();

  return {
    name,
    pid: () => child?.pid,
    restarts: () => restarts,
    ready: () => ready.promise.then(() => undefined),
    kill: (signal) => void child?.kill(signal),
    stop: async (graceMs) => {
      stopping.abort();
      ready.reject(new SetupError(`${name} was stopped`));
      child?.kill('SIGTERM');
      const timer = setTimeout(() => child?.kill('SIGKILL'), graceMs);
      await kept;
      clearTimeout(timer);
    },
  };
}

/**
 * Keeps a server of `tools/infra` running: looks whether it does, and starts it again on its data.
 * @template {{pid: number, stop: () => Promise<void>, restart: () => Promise<Server>}} Server
 * @param {{name: string, server: Server, runs: (server: Server) => boolean, onError: (error: unknown) => void}} options
 * @returns {Program & {server: () => Server}}
 */
export function superviseServer({ name, server, runs, onError }) {
  let restarts = 0;
  let current = server;
  const stopping = new AbortController();
  const keep = async () => {
    while (!stopping.signal.aborted) {
      if (!runs(current)) {
        try {
          current = await current.restart();
          restarts += 1;
        } catch (error) {
          onError(error);
        }
      }
      await sleep(FIRST_PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const kept = keep();
  return {
    name,
    server: () => current,
    pid: () => (runs(current) ? current.pid : undefined),
    restarts: () => restarts,
    ready: () => Promise.resolve(),
    kill: (signal) => void process.kill(current.pid, signal),
    stop: async () => {
      stopping.abort();
      await kept;
      await current.stop();
    },
  };
}
