/** Training steps of the supernet, or scoring on it, ours and PyTorch's interleaved, each in a process of its own. */
import { zooArchitecture } from '@nat/cells';
import { compareWithTorch, type TorchComparison } from '../measure/torch.ts';

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

export function compareSteps({ threads, steps, ...settings }: StepOptions): Promise<TorchComparison> {
  const [normal, reduce] = zooArchitecture(settings.network).cells.map((cell) => cell.edges.map(({ from, to, operation }) => [operation.name, from, to]));
  return compareWithTorch({
    ours: { program: new URL('step-main.ts', import.meta.url), settings },
    torch: { program: new URL('torch_step.py', import.meta.url), settings: { ...settings, normal, reduce } },
    threads,
    steps,
  });
}
