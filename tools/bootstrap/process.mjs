import { spawn } from 'node:child_process';
import { SetupError } from './report.mjs';

/** How much of a program's output is kept for the message of its failure. */
const KEPT = 60_000;

/**
 * Runs a program to its end and returns what it wrote. Never a shell, never this process's standard output.
 * @param {string} command
 * @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, uid?: number, gid?: number, missing?: string, failed?: string, tailLines?: number}} [options]
 *   `missing`: the message when there is no such program; `failed`: the message when it exits non-zero, with its last `tailLines` (12).
 * @returns {Promise<string>} standard output
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env, uid: options.uid, gid: options.gid, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let everything = '';
    child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      output += text;
      everything = (everything + text).slice(-KEPT);
    });
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
      everything = (everything + text).slice(-KEPT);
    });
    child.once('error', (error) => {
      const absent = /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT';
      reject(new SetupError(absent ? (options.missing ?? `${command} is not installed`) : `${command}: ${error.message}`));
    });
    child.once('close', (code, signal) => {
      if (code === 0) {
        resolve(output);
        return;
      }
      const tail = everything
        .trim()
        .split('\n')
        .slice(-(options.tailLines ?? 12))
        .join('\n  ');
      reject(new SetupError(`${options.failed ?? `${command} ${args[0] ?? ''}`.trim()} (${signal ?? `exit ${code}`})${tail === '' ? '' : `:\n  ${tail}`}`));
    });
  });
}
