import { DomainError } from '@nat/errors';
import { presets, type BaselineOptions, type Hyperparameters } from '@nat/policy';

/** `nat`, `nat++`: as the papers and their code have it. `tabular`: tuned for rewards that are looked up, with hundreds of trials a step. */
export const PRESET_NAMES = ['nat', 'nat++', 'tabular'] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

export type BaselineName = BaselineOptions['kind'];

export function isPresetName(name: string): name is PresetName {
  return (PRESET_NAMES as readonly string[]).includes(name);
}

/** Decay of a moving-average baseline in the official code. */
const BASELINE_DECAY = 0.99;

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
}

/** How the learner of a search learns. @throws DomainError INVALID_ARGUMENT for steps below 1 */
export function searchHyperparameters(options: HyperparameterOptions): Hyperparameters {
  const { preset, steps, baseline, learningRate, entropyWeight, weightDecay, betas, epsilon, baselineDecay = BASELINE_DECAY } = options;
  if (!(Number.isInteger(steps) && steps >= 1)) throw DomainError.invalid('steps', `${steps} is not a positive integer`);
  const base: Hyperparameters = presets[preset === 'tabular' ? 'tabular' : 'nat'];
  return {
    ...base,
    ...(base.schedule?.kind === 'cosine' ? { schedule: { ...base.schedule, steps } } : {}),
    ...(base.entropyDecaySteps === undefined ? {} : { entropyDecaySteps: steps }),
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(entropyWeight === undefined ? {} : { entropy: entropyWeight }),
    ...(weightDecay === undefined ? {} : { weightDecay }),
    ...(betas === undefined ? {} : { betas: [betas[0] ?? base.betas[0], betas[1] ?? base.betas[1]] as const }),
    ...(epsilon === undefined ? {} : { epsilon }),
    baseline: baseline === 'self-critical' ? { kind: baseline } : { kind: baseline, decay: baselineDecay },
  };
}

/** What a search uses where it names none: the preset of its evaluator's kind of reward. */
export function defaultPreset(evaluator: string, scheme: 'nat' | 'nat++'): PresetName {
  return evaluator === 'tabular' ? 'tabular' : scheme;
}
