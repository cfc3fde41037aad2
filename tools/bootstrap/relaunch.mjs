import { spawn } from 'node:child_process';
import os from 'node:os';

/**
 * Runs a program in this process's place: same standard streams, same exit code, same signals. Resolves when it has ended.
 * @param {string} command
 * @param {string[]} args
 * @param {{env?: NodeJS.ProcessEnv, cwd?: string}} [options]
 * @returns {Promise<number>} the exit code, as a shell would give it: 128 and the number for a signal
 */
export function runInPlace(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options });
    // A terminal sends these to the whole group, so the child has them already, and a second one would cut its shutdown short.
    const fromTerminal = new Set(process.stdin.isTTY || process.stderr.isTTY ? ['SIGINT', 'SIGHUP', 'SIGQUIT'] : []);
    /** @type {[NodeJS.Signals, () => void][]} */
    const handlers = /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']).map((signal) => [
      signal,
      () => {
        if (!fromTerminal.has(signal)) child.kill(signal);
      },
    ]);
    for (const [signal, handler] of handlers) process.on(signal, handler);
    const release = () => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
    };
    child.once('error', (error) => {
      release();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      release();
      resolve(signal === null ? (code ?? 1) : 128 + os.constants.signals[signal]);
    });
  });
}

/**
 * Starts a script of this project again under another Node and ends as it ends, by the same signal where it was one.
 * @param {{node: string, env: NodeJS.ProcessEnv}} runtime
 * @param {string[]} args the script and its arguments
 */
export async function relaunch(runtime, args) {
  const code = await runInPlace(runtime.node, args, { env: runtime.env });
  const signal = Object.entries(os.constants.signals).find(([, number]) => 128 + number === code)?.[0];
  if (signal !== undefined && code > 128) process.kill(process.pid, signal);
  process.exitCode = code;
}
