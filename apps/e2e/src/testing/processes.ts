import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';

export interface StartOptions {
  readonly cwd?: string;
  /** Added to this process's own; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What standard input holds; left out: nothing. */
  readonly input?: string;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningProcess {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Everything written to standard output so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The first line of standard output that fits; rejects when the process ends without one. */
  readonly line: (fits?: (line: string) => boolean) => Promise<string>;
  /** The same of standard error, where services log. */
  readonly logLine: (fits: (line: string) => boolean) => Promise<string>;
  /** Closes the reading end of its standard output, as `| head` does. */
  readonly closeStdout: () => void;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** What Ctrl-C does: the process and all that it started in its group get SIGINT. */
  readonly interrupt: () => void;
}

/** How long anything may take on a machine that is busy with other things. */
export const PATIENCE_MS = 180_000;

/** The processes of one test file: whatever still runs is killed with everything it started. */
export class Processes {
  readonly #running = new Set<ChildProcess>();

  constructor() {
    process.once('exit', () => {
      this.killAll();
    });
  }

  /** Starts a program in a process group of its own. */
  start(command: string, args: readonly string[], { cwd, env = {}, input }: StartOptions = {}): RunningProcess {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    this.#running.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined); // it need not read what it is given
    child.stdin.end(input ?? '');
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        this.#running.delete(child);
        resolve({ code, signal, stdout, stderr });
      });
    });
    ended.catch(() => undefined);
    const lineOf = (stream: Readable): RunningProcess['logLine'] => {
      const lines: string[] = [];
      const waiting = new Set<() => void>();
      createInterface({ input: stream }).on('line', (line) => {
        lines.push(line);
        for (const look of waiting) look();
      });
      return (fits) =>
        new Promise((resolve, reject) => {
          const give = (outcome: () => void): void => {
            waiting.delete(look);
            clearTimeout(timer);
            outcome();
          };
          const fail = (why: string): void => {
            give(() => {
              reject(new Error(`${args.join(' ')} ${why} without the line that was waited for\n${stdout}\n${stderr}`));
            });
          };
          const look = (): void => {
            const line = lines.find(fits);
            if (line === undefined) return;
            give(() => {
              resolve(line);
            });
          };
          const timer = setTimeout(() => {
            fail(`ran ${PATIENCE_MS} ms`);
          }, PATIENCE_MS);
          waiting.add(look);
          look();
          void ended.then(
            ({ code, signal }) => {
              fail(`ended (${signal ?? code ?? ''})`);
            },
            () => {
              fail('did not start');
            },
          );
        });
    };
    const line = lineOf(child.stdout);
    return {
      pid: child.pid ?? -1,
      ended,
      stdout: () => stdout,
      stderr: () => stderr,
      line: (fits = () => true) => line(fits),
      logLine: lineOf(child.stderr),
      closeStdout: () => child.stdout.destroy(),
      kill: (signal) => void child.kill(signal),
      interrupt: () => {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
      },
    };
  }

  /** Runs a program to its end. */
  run(command: string, args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start(command, args, options).ended;
  }

  /** SIGKILL to everything that runs and to what it started. */
  killAll(): void {
    for (const child of this.#running) {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // it has ended already
      }
    }
  }

  /** `killAll`, and waits until it is so. */
  async close(): Promise<void> {
    const ends = [...this.#running].map((child) => new Promise((resolve) => child.once('close', resolve)));
    this.killAll();
    await Promise.all(ends);
  }
}

/** Processes that were started with this variable, whoever their parent is by now. Linux only: empty elsewhere. */
export function processesWith(variable: string, value: string): readonly number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`${variable}=${value}`);
      } catch {
        return false; // it has ended, or is someone else's
      }
    });
}

/** Waits for what must become true, however slow the machine. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${PATIENCE_MS} ms until ${what}`);
    await pause(20);
  }
}
