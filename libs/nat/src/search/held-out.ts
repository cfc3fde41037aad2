/** What a search learned, measured on images that neither its weights nor its policy have seen: the policy it ends with against the one it began as. */
import type { PolicyInference } from '../policy/inference/policy-inference.ts';
import { sampleRound, type CandidateOutcome, type RoundCandidates, type SampledTrial } from './round.ts';
import type { SearchSpace } from './spaces/space.ts';
import { meanInterval, pairedDifference, type MeanInterval } from './statistics.ts';
import type { EnvironmentCache } from './environment-cache.ts';

export interface HeldOutOptions {
  readonly space: SearchSpace;
  readonly environments: EnvironmentCache;
  readonly trained: PolicyInference;
  /** The policy before its first step. */
  readonly untrained: PolicyInference;
  readonly sources: number;
}

/** Of the sources that policies are compared on: the same for every search of a space, whatever its seed. Step 0 is no step of a search. */
const KEY = { seed: 0, step: 0 };

/** One sampled transform of each source by the trained policy and one by the untrained: trials 2i and 2i + 1 are of source i. [2 sources] */
export function sampleHeldOut({ space, environments, trained, untrained, sources }: HeldOutOptions): readonly SampledTrial[] {
  // Both draw from the same streams, so that they see the same sources and the same luck.
  const draw = (policy: PolicyInference): readonly SampledTrial[] => sampleRound({ ...KEY, space, environments, policy, batch: sources, withGreedy: false });
  const [byTrained, byUntrained] = [draw(trained), draw(untrained)];
  return byTrained.flatMap((trial, i) => [
    { ...trial, index: 2 * i },
    { ...byUntrained[i]!, index: 2 * i + 1 },
  ]);
}

export interface HeldOutComparison {
  /** Sources whose two results were both scored. */
  readonly sources: number;
  readonly sourceAccuracy: number;
  readonly untrainedAccuracy: number;
  readonly trainedAccuracy: number;
  /** trained - untrained, paired by source. */
  readonly difference: MeanInterval;
  /** trained - source, likewise. */
  readonly gain: MeanInterval;
}

/**
 * Compares by source; a source of which either result failed is left out. Undefined with fewer than two sources.
 * @param candidates of the trials that `sampleHeldOut` gave
 * @param outcomes by candidate
 */
export function compareHeldOut(candidates: RoundCandidates, outcomes: readonly CandidateOutcome[]): HeldOutComparison | undefined {
  const rows = Array.from({ length: candidates.trials.length / 2 }, (_, i) => {
    const [byTrained, byUntrained] = [candidates.trials[2 * i]!, candidates.trials[2 * i + 1]!];
    return [outcomes[byTrained.source]!, outcomes[byTrained.result]!, outcomes[byUntrained.result]!] as const;
  }).flatMap(([source, trained, untrained]) =>
    'failure' in source || 'failure' in trained || 'failure' in untrained ? [] : [{ source: source.value, trained: trained.value, untrained: untrained.value }],
  );
  if (rows.length < 2) return undefined;
  const [source, trained, untrained] = (['source', 'trained', 'untrained'] as const).map((key) => rows.map((row) => row[key])) as [
    number[],
    number[],
    number[],
  ];
  return {
    sources: rows.length,
    sourceAccuracy: meanInterval(source).mean,
    untrainedAccuracy: meanInterval(untrained).mean,
    trainedAccuracy: meanInterval(trained).mean,
    difference: pairedDifference(untrained, trained),
    gain: pairedDifference(source, trained),
  };
}
