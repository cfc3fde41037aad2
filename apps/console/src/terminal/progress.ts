import { SingleBar } from 'cli-progress';
import type { Terminal } from './terminal.ts';

export interface Progress {
  update(done: number, note?: string): void;
  stop(): void;
}

/** A bar on a terminal, nothing in a pipe. `total` in whatever is counted. */
export function startProgress(terminal: Terminal, label: string, total: number): Progress {
  if (!terminal.interactive) return { update: () => undefined, stop: () => undefined };
  const bar = new SingleBar({ format: `${label} [{bar}] {value}/{total} {eta_formatted} {note}`, stream: process.stderr, hideCursor: true, etaBuffer: 50 });
  bar.start(total, 0, { note: '' });
  return {
    update: (done, note = '') => bar.update(done, { note }),
    stop: () => bar.stop(),
  };
}
