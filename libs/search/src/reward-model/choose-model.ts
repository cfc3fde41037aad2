/** Which reward model suits the evaluations at hand, decided by those evaluations alone. */
import { DomainError } from '@nat/errors';
import type { RandomStream } from '@nat/random';
import { RewardModel, type Observation, type RewardModelOptions } from './reward-model.ts';

/** From what needs many evaluations to what a few noisy ones can bear. */
const CANDIDATES: readonly RewardModelOptions[] = (['paths', 'paths-and-edges'] as const).flatMap((features) =>
  [0.03, 0.1, 0.3, 1, 3].flatMap((lambda): RewardModelOptions[] => [
    { features, kernel: 'linear', lambda, target: 'normal-scores' },
    { features, kernel: 'matern32', lengthScale: 1, lambda, target: 'normal-scores' },
    { features, kernel: 'matern32', lengthScale: 3, lambda, target: 'normal-scores' },
  ]),
);
const FOLDS = 8;

/** Options with how well models of them order architectures that they were not fitted on. */
export interface ChosenModel {
  readonly options: RewardModelOptions;
  /** Share of pairs within held-back folds that are in the right order; 0.5 is a guess. */
  readonly agreement: number;
}

/**
 * The candidate that orders held-back evaluations best, in a cross-validation of 8 folds; of equals the first. The stream decides the folds.
 * @throws DomainError INVALID_ARGUMENT for fewer than two observations a fold
 */
export function chooseRewardModel(observations: readonly Observation[], stream: RandomStream, candidates = CANDIDATES): ChosenModel {
  if (observations.length < 2 * FOLDS) throw DomainError.invalid('observations', `cross-validation needs ${2 * FOLDS}`, 'TOO_FEW_OBSERVATIONS');
  const shuffled = stream.shuffle([...observations]);
  const folds = Array.from({ length: FOLDS }, (_, fold) => ({
    fitted: shuffled.filter((_, i) => i % FOLDS !== fold),
    heldBack: shuffled.filter((_, i) => i % FOLDS === fold),
  }));
  let best: ChosenModel | undefined;
  for (const options of candidates) {
    let [agree, all] = [0, 0];
    for (const { fitted, heldBack } of folds) {
      const model = new RewardModel(fitted, options);
      const predicted = heldBack.map(({ architecture }) => model.predict(architecture));
      for (let i = 0; i < heldBack.length; i++) {
        for (let k = 0; k < i; k++) {
          const difference = heldBack[i]!.value - heldBack[k]!.value;
          if (difference === 0) continue;
          all++;
          const order = difference * (predicted[i]! - predicted[k]!);
          agree += order > 0 ? 1 : order === 0 ? 0.5 : 0;
        }
      }
    }
    const agreement = all === 0 ? 0.5 : agree / all;
    if (best === undefined || agreement > best.agreement) best = { options, agreement };
  }
  return best!;
}
