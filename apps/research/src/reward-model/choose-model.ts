/** Which reward model suits the evaluations at hand, decided by those evaluations alone. */
import { DomainError } from '@nat/base/errors';
import type { RandomStream } from '@nat/base/random';
import { RewardModel, type Observation, type RewardModelOptions } from './reward-model.ts';

/** From what needs many evaluations to what a few noisy ones can bear. */
const CANDIDATES: readonly RewardModelOptions[] = (['paths', 'paths-and-edges'] as const).flatMap((features) =>
  [0.03, 0.1, 0.3, 1, 3].flatMap((lambda): RewardModelOptions[] => [
    { features, kernel: 'linear', lambda, target: 'normal-scores' },
    { features, kernel: 'matern32', lengthScale: 1, lambda, target: 'normal-scores' },
    { features, kernel: 'matern32', lengthScale: 3, lambda, target: 'normal-scores' },
  ]),
);

/**
 * For a few children of each of several sources: what their wirings have in common. Fewer candidates than above, because the best of many would be
 * the luckiest.
 */
const GROUPED_CANDIDATES: readonly RewardModelOptions[] = (['operations', 'paths'] as const).flatMap((features) =>
  [0.1, 0.3, 1, 3].flatMap((lambda): RewardModelOptions[] => [
    { features, kernel: 'linear', lambda, target: 'value' },
    { features, kernel: 'matern32', lengthScale: 3, lambda, target: 'value' },
  ]),
);
const FOLDS = 8;

/** Options with how well models of them order architectures that they were not fitted on. */
export interface ChosenModel {
  readonly options: RewardModelOptions;
  /** Share of pairs within held-back folds (and of one source) that are in the right order; 0.5 is a guess. */
  readonly agreement: number;
  /** Those pairs. */
  readonly pairs: number;
}

interface Fold {
  readonly fitted: readonly Observation[];
  readonly heldBack: readonly Observation[];
}

/**
 * The candidate that orders held-back evaluations best, in a cross-validation of 8 folds; of equals the first. The stream decides the folds.
 * Observations of several sources are held back a source at a time, so that the agreement is that on sources never seen.
 * @throws DomainError INVALID_ARGUMENT for fewer than two observations a fold
 */
export function chooseRewardModel(
  observations: readonly Observation[],
  stream: RandomStream,
  candidates = grouped(observations) ? GROUPED_CANDIDATES : CANDIDATES,
): ChosenModel {
  if (observations.length < 2 * FOLDS) throw DomainError.invalid('observations', `cross-validation needs ${2 * FOLDS}`, 'TOO_FEW_OBSERVATIONS');
  const folds = grouped(observations) ? foldsBySource(observations) : foldsOf(stream.shuffle([...observations]));
  let best: ChosenModel | undefined;
  for (const options of candidates) {
    let [agree, all] = [0, 0];
    for (const { fitted, heldBack } of folds) {
      const model = new RewardModel(fitted, options);
      const predicted = heldBack.map(({ architecture }) => model.predict(architecture));
      for (let i = 0; i < heldBack.length; i++) {
        for (let k = 0; k < i; k++) {
          const difference = heldBack[i]!.value - heldBack[k]!.value;
          if (difference === 0 || heldBack[i]!.source !== heldBack[k]!.source) continue;
          all++;
          const order = difference * (predicted[i]! - predicted[k]!);
          agree += order > 0 ? 1 : order === 0 ? 0.5 : 0;
        }
      }
    }
    const agreement = all === 0 ? 0.5 : agree / all;
    if (best === undefined || agreement > best.agreement) best = { options, agreement, pairs: all };
  }
  return best!;
}

function grouped(observations: readonly Observation[]): boolean {
  return new Set(observations.map(({ source }) => source)).size > 1;
}

function foldsOf(shuffled: readonly Observation[]): readonly Fold[] {
  return Array.from({ length: FOLDS }, (_, fold) => ({
    fitted: shuffled.filter((_, i) => i % FOLDS !== fold),
    heldBack: shuffled.filter((_, i) => i % FOLDS === fold),
  }));
}

function foldsBySource(observations: readonly Observation[]): readonly Fold[] {
  return [...new Set(observations.map(({ source }) => source))].map((held) => ({
    fitted: observations.filter(({ source }) => source !== held),
    heldBack: observations.filter(({ source }) => source === held),
  }));
}
