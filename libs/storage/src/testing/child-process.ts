import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A script of this folder as a process of its own, and the lines that it printed. */
export interface Child {
  readonly process: ChildProcess;
  readonly lines: readonly string[];
  /** Resolves when a line of this start was printed; rejects when the process ends without it. */
  printed(start: string): Promise<string>;
  /** kill -9, and waits for the end. */
  kill(): Promise<void>;
  readonly ended: Promise<number | null>;
}

export function startChild(script: string, ...parameters: readonly string[]): Child {
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url)), ...parameters], { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    for (const wake of waiting) wake();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', resolve);
  });
  return {
    process: child,
    lines,
    ended,
    printed(start) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const line = lines.find((text) => text.startsWith(start));
          if (line === undefined) return;
          waiting.delete(look);
          resolve(line);
        };
        waiting.add(look);
        look();
        void ended.then(() => {
          reject(new Error(`the process ended without "${start}": ${errors}`));
        });
      });
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
