/** Training steps of the supernet, ours and PyTorch's in turns, each in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { zooArchitecture } from '@nat/architecture';
import { DomainError } from '@nat/errors';
import { ensureTorch, TORCH_VERSIONS } from './torch.ts';

export interface StepSettings {
  readonly network: string;
  readonly channels: number;
  readonly layers: number;
  /** Images a step. */
  readonly batch: number;
}

export interface StepOptions extends StepSettings {
  readonly threads: number;
  /** Steps measured, after two that warm up. */
  readonly steps: number;
}

export interface Measured {
  readonly version: string;
  readonly medianMs: number;
  /** Peak resident memory of the process. */
  readonly peakRssMb: number;
}

const WARM_UP = 2;

interface Stepper {
  readonly version: string;
  step(): Promise<{ readonly ms: number; readonly rssMb: number }>;
  stop(): void;
}

/** Each step of one follows a step of every other, so that whatever else the machine does meets all of them. */
export async function compareSteps({ threads, steps, ...settings }: StepOptions): Promise<{ ours: Measured; peers: Measured[] }> {
  const interpreters: string[] = [];
  for (const version of TORCH_VERSIONS) interpreters.push(await ensureTorch(version));
  const edges = zooArchitecture(settings.network).cells.map((cell) => cell.edges.map(({ from, to, operation }) => [operation.name, from, to]));
  const torch = JSON.stringify({ ...settings, normal: edges[0], reduce: edges[1] });
  const script = fileURLToPath(new URL('torch_step.py', import.meta.url));
  const main = fileURLToPath(new URL('step-main.ts', import.meta.url));
  const steppers = [
    await start(process.execPath, [main, String(threads), JSON.stringify(settings)]),
    ...(await Promise.all(interpreters.map((python) => start(python, [script, String(threads), torch])))),
  ];
  try {
    const results = steppers.map(({ version }) => ({ version, times: [] as number[], peakRssMb: 0 }));
    for (let step = 0; step < WARM_UP + steps; step++) {
      for (const [i, stepper] of steppers.entries()) {
        const { ms, rssMb } = await stepper.step();
        results[i]!.peakRssMb = rssMb;
        if (step >= WARM_UP) results[i]!.times.push(ms);
      }
    }
    const [ours, ...peers] = results.map(({ version, times, peakRssMb }) => ({ version, medianMs: median(times), peakRssMb }));
    return { ours: ours!, peers };
  } finally {
    for (const stepper of steppers) stepper.stop();
  }
}

async function start(command: string, args: readonly string[]): Promise<Stepper> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
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
    step: async () => {
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
