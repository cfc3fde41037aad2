import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

/** Where a command reads and writes. Results go to `out`; progress, notes and errors go to `err`, so that pipes stay clean. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Resolves when everything written to `out` was handed to the operating system. */
  flush(): Promise<void>;
  /** Progress bars and colours only where a person looks. */
  readonly interactive: boolean;
  readonly color: boolean;
  readAll(): Promise<string>;
  readLines(): AsyncIterable<string>;
}

/** The terminal of this process. A closed pipe (`nat ... | head`) ends the process quietly. */
export function processTerminal(env: NodeJS.ProcessEnv): Terminal {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    flush: () => new Promise((resolve) => process.stdout.write('', () => resolve())),
    interactive: process.stderr.isTTY,
    color: process.stdout.isTTY && env['NO_COLOR'] === undefined,
    readAll: () => text(process.stdin),
    readLines: () => createInterface({ input: process.stdin, crlfDelay: Infinity }),
  };
}
