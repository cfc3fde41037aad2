/** Training steps of the supernet, or scoring on it, ours and PyTorch's in turns, each in a process of its own. */
import { fileURLToPath } from 'node:url';
import { zooArchitecture } from '@nat/architecture';
import { inTurns, type Measured } from '../turns.ts';
import { ensureTorch, TORCH_VERSIONS } from '../torch.ts';

export interface StepSettings {
  /** `score`: forward only, normalised by the batch, as rewards are measured. */
  readonly work: 'train' | 'score';
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

const WARM_UP = 2;

export async function compareSteps({ threads, steps, ...settings }: StepOptions): Promise<{ ours: Measured; peers: Measured[] }> {
  const interpreters: string[] = [];
  for (const version of TORCH_VERSIONS) interpreters.push(await ensureTorch(version));
  const edges = zooArchitecture(settings.network).cells.map((cell) => cell.edges.map(({ from, to, operation }) => [operation.name, from, to]));
  const torch = JSON.stringify({ ...settings, normal: edges[0], reduce: edges[1] });
  const script = fileURLToPath(new URL('torch_step.py', import.meta.url));
  const main = fileURLToPath(new URL('step-main.ts', import.meta.url));
  const [ours, ...peers] = await inTurns(
    [
      { command: process.execPath, args: [main, String(threads), JSON.stringify(settings)] },
      ...interpreters.map((command) => ({ command, args: [script, String(threads), torch] })),
    ],
    { warmUp: WARM_UP, pieces: steps },
  );
  return { ours: ours!, peers };
}
