/** Measures programs side by side: each works in a process of its own, and their pieces of work are interleaved. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { DomainError } from '@nat/base/errors';

export interface Measured {
  readonly version: string;
  readonly medianMs: number;
  /** Peak resident memory of the process. */
  readonly peakRssMb: number;
}

/** A program that says `{"version"}` first, and for each line on standard input does its piece of work and says `{"ms","rssMb"}`. */
export interface MeasuredProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Each piece of one follows a piece of every other, so that whatever else the machine does meets all of them. */
export async function interleave(
  programs: readonly MeasuredProgram[],
  { warmUp, pieces }: { readonly warmUp: number; readonly pieces: number },
): Promise<Measured[]> {
  const workers = await Promise.all(programs.map(start));
  try {
    const results = workers.map(({ version }) => ({ version, times: [] as number[], peakRssMb: 0 }));
    for (let piece = 0; piece < warmUp + pieces; piece++) {
      for (const [i, worker] of workers.entries()) {
        const { ms, rssMb } = await worker.work();
        results[i]!.peakRssMb = rssMb;
        if (piece >= warmUp) results[i]!.times.push(ms);
      }
    }
    return results.map(({ version, times, peakRssMb }) => ({ version, medianMs: median(times), peakRssMb }));
  } finally {
    for (const worker of workers) worker.stop();
  }
}

interface Worker {
  readonly version: string;
  work(): Promise<{ readonly ms: number; readonly rssMb: number }>;
  stop(): void;
}

async function start({ command, args, environment = {} }: MeasuredProgram): Promise<Worker> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...environment } });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    const { value, done } = await lines.next();
    if (done === true) throw new DomainError('INTERNAL', `${command} ended before its time`, { reason: 'BENCHMARK_PROCESS_ENDED' });
    return JSON.parse(value) as Record<string, unknown>;
  };
  await once(child, 'spawn');
  const { version } = await next();
  return {
    version: String(version),
    work: async () => {
      child.stdin.write('\n');
      const { ms, rssMb } = await next();
      return { ms: Number(ms), rssMb: Number(rssMb) };
    },
    stop: () => child.kill(),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
