import { spawn } from 'node:child_process';
import fs from 'node:fs';

/**
 * Runs a program in this process's place: same standard streams, same signals. Resolves when it has ended.
 * @param {string} command
 * @param {string[]} args
 * @param {{env?: NodeJS.ProcessEnv, cwd?: string}} [options]
 * @returns {Promise<{code: number, signal: NodeJS.Signals | null}>} how it ended; where a signal ended it, `code` is 1
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
      resolve({ code: code ?? 1, signal });
    });
  });
}

/**
 * Starts a script of this project again under another Node and ends as it ends, by the same signal where it was one. A SIGKILL cannot be passed
 * on, so the kernel is asked to (Linux with util-linux): whoever kills this process does not leave the one that does the work behind.
 * @param {{node: string, env: NodeJS.ProcessEnv}} runtime
 * @param {string[]} args the script and its arguments
 */
export async function relaunch(runtime, args) {
  const setpriv = process.platform === 'linux' && (process.env['PATH'] ?? '').split(':').some((folder) => fs.existsSync(`${folder}/setpriv`));
  const command = [...(setpriv ? ['setpriv', '--pdeathsig', 'KILL', '--'] : []), runtime.node, ...args];
  const { code, signal } = await runInPlace(command[0] ?? '', command.slice(1), { env: runtime.env });
  if (signal !== null) process.kill(process.pid, signal);
  process.exitCode = code;
}
