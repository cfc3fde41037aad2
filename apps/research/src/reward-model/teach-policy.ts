/** A policy that learns from the predictions of a reward model alone. */
import { readArchitecture } from '@nat/cells';
import type { RandomStream } from '@nat/base/random';
import { searchInProcess, SearchSession, type SessionSpec } from '@nat/nat';
import { chooseRewardModel, type ChosenModel } from './choose-model.ts';
import { RewardModel, type Observation } from './reward-model.ts';

/** What a policy went through, by update. */
export interface LearningCurve {
  /** Mean predicted reward of the trials, in standard deviations of the observed values (within a source, where there are several). */
  readonly reward: readonly number[];
  /** Mean entropy of a transform, nats. */
  readonly entropy: readonly number[];
}

export interface TaughtPolicy {
  /** As `SearchSession.serialize` gives it. */
  readonly checkpoint: Uint8Array;
  readonly curve: LearningCurve;
}

/** The reward model that a cross-validation of the observations prefers, fitted on all of them. */
export function fitModel(observations: readonly Observation[], stream: RandomStream): { readonly model: RewardModel; readonly chosen: ChosenModel } {
  const chosen = chooseRewardModel(observations, stream);
  return { model: new RewardModel(observations, chosen.options), chosen };
}

/** A fresh policy, taught by a model in so many updates on sources of `spec.space`. The same arguments give the same bits. */
export async function teachPolicy(spec: SessionSpec, model: RewardModel, steps: number): Promise<TaughtPolicy> {
  const session = new SearchSession(spec, {
    loadTable: () => {
      throw new TypeError('a reward model stands for the table');
    },
  });
  let predicted = new Map<string, number>();
  const valueOf = (text: string): number => {
    let value = predicted.get(text);
    if (value === undefined) predicted.set(text, (value = model.predict(readArchitecture(text, 'trial'))));
    return value;
  };
  const [reward, entropy]: [number[], number[]] = [[], []];
  await searchInProcess({
    session,
    steps,
    evaluate: ({ candidates }) => {
      if (predicted.size > KEPT) predicted = new Map();
      return candidates.texts.map((text) => ({ value: valueOf(text) }));
    },
    onStep: ({ learned }) => {
      reward.push(learned.meanReward);
      entropy.push(learned.entropy);
    },
  });
  return { checkpoint: session.serialize(), curve: { reward, entropy } };
}

/** Predictions kept, for sources that come again. */
const KEPT = 50_000;
