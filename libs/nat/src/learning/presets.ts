import type { AdvantageScaling, BaselineOptions } from './baseline.ts';

/** How a policy learns. */
export interface Hyperparameters {
  readonly learningRate: number;
  /**
   * `cosine`: a linear warm-up over `warmup` updates, then half a cosine down to 2 % at update `steps`.
   * @default constant
   */
  readonly schedule?: { readonly kind: 'constant' } | { readonly kind: 'cosine'; readonly warmup: number; readonly steps: number };
  /** Adam's decays. */
  readonly betas: readonly [number, number];
  /** @default 1e-8 */
  readonly epsilon?: number;
  /** L2, into the gradient. */
  readonly weightDecay: number;
  /** Coefficient of the summed entropies of a trial's decisions; a list gives each cell its own, its last one serving all later cells. */
  readonly entropy: number | readonly number[];
  /** The coefficients fall linearly, to 0 at this update. @default they stay */
  readonly entropyDecaySteps?: number;
  readonly baseline: BaselineOptions;
  /** @default advantages as they are */
  readonly advantages?: AdvantageScaling;
  /** Bound of the importance weights of trials that an earlier policy drew, at least 1. @default DEFAULT_IMPORTANCE_CLIP */
  readonly importanceClip?: number;
}

/** Learning rate of the update after `step` earlier ones. */
export function learningRateAt({ learningRate, schedule }: Hyperparameters, step: number): number {
  if (schedule?.kind !== 'cosine') return learningRate;
  const warm = Math.min(1, (step + 1) / Math.max(1, schedule.warmup));
  const phase = Math.min(1, step / Math.max(1, schedule.steps));
  return learningRate * warm * (0.02 + 0.98 * 0.5 * (1 + Math.cos(Math.PI * phase)));
}

/** Coefficients of the entropies, by cell, at the update after `step` earlier ones. */
export function entropyCoefficientsAt({ entropy, entropyDecaySteps }: Hyperparameters, step: number): readonly number[] {
  const scale = entropyDecaySteps === undefined ? 1 : Math.max(0, 1 - step / entropyDecaySteps);
  return (typeof entropy === 'number' ? [entropy] : entropy).map((coefficient) => coefficient * scale);
}

/** Named settings. */
export const presets = {
  /** The paper's and the official code's. */
  nat: {
    learningRate: 3e-4,
    betas: [0.5, 0.999],
    weightDecay: 5e-4,
    entropy: 0.003,
    baseline: { kind: 'moving-average-official', decay: 0.99 },
  },
  /**
   * Tuned for the `edge` encoder where a reward is a look-up: 500 steps of 512 trials. Set `schedule.steps` and `entropyDecaySteps` to the steps planned.
   * Without the strong entropy term a policy settles on edits of one edge before it has seen what two together would bring.
   */
  tabular: {
    learningRate: 3e-3,
    schedule: { kind: 'cosine', warmup: 20, steps: 500 },
    betas: [0.9, 0.999],
    weightDecay: 0,
    entropy: 0.2,
    entropyDecaySteps: 500,
    baseline: { kind: 'self-critical' },
    advantages: { shape: 'root', normalization: 'rms', clip: 3 },
  },
} as const satisfies Record<string, Hyperparameters>;
