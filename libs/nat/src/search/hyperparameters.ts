import { DomainError } from '@nat/base/errors';
import { presets, type Hyperparameters } from '../learning/presets.ts';
import type { AdvantageShape, BaselineName } from '../learning/baseline.ts';
import type { PresetName } from './presets.ts';

/** Decay of a moving-average baseline in the official code. */
export const BASELINE_DECAY = 0.99;

/**
 * Of the policy in `small`: few, noisy pairs, so advantages of one size, and entropy that stays: with a weight of 0.05 that decays the policy keeps every
 * operation after 40 steps.
 */
const SMALL: Hyperparameters = {
  learningRate: 5e-3,
  schedule: { kind: 'cosine', warmup: 5, steps: 48 },
  betas: [0.9, 0.999],
  weightDecay: 0,
  entropy: 0.03,
  baseline: { kind: 'self-critical' },
  advantages: { normalization: 'rms', clip: 3 },
};

const BASES: Readonly<Record<PresetName, Hyperparameters>> = { nat: presets.nat, 'nat++': presets.nat, small: SMALL, tabular: presets.tabular };

export interface HyperparameterOptions {
  readonly preset: PresetName;
  /** Learner steps planned: the length of schedules. */
  readonly steps: number;
  readonly baseline: BaselineName;
  /** What follows replaces the preset's. */
  readonly learningRate?: number;
  readonly entropyWeight?: number;
  readonly weightDecay?: number;
  readonly betas?: readonly [number | undefined, number | undefined];
  readonly epsilon?: number;
  readonly baselineDecay?: number;
  readonly importanceClip?: number;
  readonly advantageShape?: AdvantageShape;
}

/** How the learner of a search learns. @throws DomainError INVALID_ARGUMENT for steps below 1 */
export function searchHyperparameters(options: HyperparameterOptions): Hyperparameters {
  const { preset, steps, baseline, learningRate, entropyWeight, weightDecay, betas, epsilon, baselineDecay = BASELINE_DECAY, importanceClip } = options;
  const { advantageShape } = options;
  if (!(Number.isInteger(steps) && steps >= 1)) throw DomainError.invalid('steps', `${steps} is not a positive integer`);
  const base = BASES[preset];
  return {
    ...base,
    ...(base.schedule?.kind === 'cosine' ? { schedule: { ...base.schedule, steps } } : {}),
    ...(base.entropyDecaySteps === undefined ? {} : { entropyDecaySteps: steps }),
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(entropyWeight === undefined ? {} : { entropy: entropyWeight }),
    ...(weightDecay === undefined ? {} : { weightDecay }),
    ...(betas === undefined ? {} : { betas: [betas[0] ?? base.betas[0], betas[1] ?? base.betas[1]] as const }),
    ...(epsilon === undefined ? {} : { epsilon }),
    ...(importanceClip === undefined ? {} : { importanceClip }),
    ...(advantageShape === undefined || advantageShape === (base.advantages?.shape ?? 'linear')
      ? {}
      : { advantages: { ...base.advantages, shape: advantageShape } }),
    baseline: baseline === 'self-critical' ? { kind: baseline } : { kind: baseline, decay: baselineDecay },
  };
}
