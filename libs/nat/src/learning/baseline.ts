import { DomainError } from '@nat/base/errors';

/**
 * What a reward is compared with.
 *
 * - `moving-average-official`: A = r - b (b is not subtracted while it is 0), then b <- d b + (1 - d) mean(A): the official
 *   code feeds the average with what is left after the subtraction.
 * - `moving-average`: A = r - b, then b <- d b + (1 - d) mean(r); b starts at the first mean.
 * - `self-critical`: A = r - r(greedy actions on the same source) (Rennie et al., CVPR 2017); b stays as it is.
 */
export type BaselineOptions = { readonly kind: 'moving-average-official' | 'moving-average'; readonly decay: number } | { readonly kind: 'self-critical' };

export type BaselineName = BaselineOptions['kind'];

/** Rewards of one trial. */
export interface Rewards {
  readonly reward: number;
  /** Reward of the greedy actions on the same source. */
  readonly greedyReward?: number;
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/**
 * Advantages in trial order, and the baseline afterwards.
 * @param step updates made before this one
 * @throws DomainError INVALID_ARGUMENT where `self-critical` lacks a greedy reward
 */
export function advantages(
  options: BaselineOptions,
  baseline: number,
  step: number,
  trials: readonly Rewards[],
): { advantages: Float64Array; baseline: number } {
  switch (options.kind) {
    case 'moving-average-official': {
      const result = Float64Array.from(trials, ({ reward }) => reward - baseline);
      return { advantages: result, baseline: options.decay * baseline + (1 - options.decay) * mean(result) };
    }
    case 'moving-average': {
      const rewards = trials.map(({ reward }) => reward);
      const before = step === 0 ? mean(rewards) : baseline;
      const result = Float64Array.from(rewards, (reward) => reward - before);
      return { advantages: result, baseline: options.decay * before + (1 - options.decay) * mean(rewards) };
    }
    case 'self-critical': {
      const result = Float64Array.from(trials, ({ reward, greedyReward }, i) => {
        if (greedyReward === undefined) throw DomainError.invalid(`trials[${i}].greedyReward`, 'the self-critical baseline needs it', 'GREEDY_REWARD_MISSING');
        return reward - greedyReward;
      });
      return { advantages: result, baseline };
    }
  }
}

/**
 * What is maximised of an advantage A. `linear`: its mean, which is the expected reward, the papers' objective. `root`: the mean of sign(A) sqrt|A|, another
 * objective. Where some edits ruin a network and others improve a good one by a little, the little ones still count; but a loss of 16 points weighs as four
 * gains of one point do, so a rare disaster may be bought with frequent small gains.
 */
export type AdvantageShape = 'linear' | 'root';

/** How advantages become the weights of a batch's trials. */
export interface AdvantageScaling {
  /** @default 'linear' */
  readonly shape?: AdvantageShape;
  /** Divide by the root mean square (0 stays 0). @default 'none' */
  readonly normalization?: 'none' | 'rms';
  /** Bound of the size after normalisation: a few disastrous trials must not drown the rest. @default none */
  readonly clip?: number;
}

/** Shapes, then normalises, then bounds. */
export function scaleAdvantages(values: Float64Array, { shape = 'linear', normalization = 'none', clip = Infinity }: AdvantageScaling): Float64Array {
  const shaped = shape === 'root' ? values.map((value) => Math.sign(value) * Math.sqrt(Math.abs(value))) : values;
  const rms = Math.sqrt(mean(shaped.map((value) => value * value)));
  const scale = normalization === 'rms' && rms > 0 ? 1 / rms : 1;
  return shaped.map((value) => Math.max(-clip, Math.min(clip, value * scale)));
}
