/** What a search came to, for people and for programs. */
import { type search as wire } from '@nat/contracts';

type SharedWeights = wire.SharedWeightsReward | undefined;

function sharedWeightsOf({ effectiveSpec }: wire.Search): SharedWeights {
  const kind = effectiveSpec?.reward?.kind;
  return kind?.$case === 'sharedWeights' ? kind.value : undefined;
}

function isPipelined({ effectiveSpec }: wire.Search): boolean {
  return (effectiveSpec?.pipelining?.roundsInFlight ?? 1) > 1;
}

/** What `--json` prints at the end: rounds and rewards are those that count, of policy steps; the rest is about shared weights. */
export function searchToJson(search: wire.Search, policyId: string): Readonly<Record<string, unknown>> {
  const { searchId, policySha256, candidates, failedCandidates, rewards, step, weightRounds, heldOut } = search;
  const counted = { searchId, policyId, policySha256, candidates, failedCandidates, steps: step, rounds: step, rewards };
  const result = isPipelined(search) ? { ...counted, droppedTrials: search.droppedTrials } : counted;
  const shared = sharedWeightsOf(search);
  return shared === undefined ? result : { ...result, weightRounds, split: splitOf(shared), heldOut };
}

/** Lines about a search that has succeeded. */
export function describeSearch(search: wire.Search, policyId: string): readonly string[] {
  return [
    `policy ${policyId}  sha256 ${search.policySha256}  ${search.rewards} rewards in ${search.step} steps`,
    ...describePipelining(search),
    ...describeSharedWeights(search),
    `use it: nat transform <source> --policy ${policyId}`,
  ];
}

function describePipelining(search: wire.Search): readonly string[] {
  if (!isPipelined(search)) return [];
  const { roundsInFlight = 1, maxStaleness = 0, importanceClip = 1 } = search.effectiveSpec?.pipelining ?? {};
  const dropped = `${search.droppedTrials} trials dropped as stale`;
  return [`pipelined: ${roundsInFlight} rounds in flight, at most ${maxStaleness} steps stale, weights up to ${importanceClip}; ${dropped}`];
}

function splitOf({ split }: wire.SharedWeightsReward): keyof typeof SPLIT_WORDS {
  return split === 'SEARCH_SPLIT_OFFICIAL' ? 'official' : 'set-aside';
}

const SPLIT_WORDS = {
  'set-aside': '5,000 training images set aside for selection; of the rest 40 % for weights, 60 % for the policy',
  official: 'official: 40 % of the training images for weights, 60 % for the policy, none set aside',
} as const;

function describeSharedWeights(search: wire.Search): readonly string[] {
  const shared = sharedWeightsOf(search);
  if (shared === undefined) return [];
  const { weightRounds, heldOut } = search;
  const lines = [`split ${SPLIT_WORDS[splitOf(shared)]}`, `${weightRounds} rounds of weight training, ${shared.weightTraining?.shards ?? 1} shards`];
  if (heldOut === undefined) return lines;
  const percent = (value: number): string => (100 * value).toFixed(2);
  const interval = ({ mean, low, high }: wire.MeanInterval): string => `${percent(mean)} points (95 % ${percent(low)} to ${percent(high)})`;
  const { sources, images, sourceAccuracy, untrainedAccuracy, trainedAccuracy, difference, gain } = heldOut;
  return [
    ...lines,
    `held out: ${sources} sources on ${images.toLocaleString('en')} images set aside, with the final weights, accuracy in %:`,
    `  source ${percent(sourceAccuracy)}  untrained policy's result ${percent(untrainedAccuracy)}  this policy's result ${percent(trainedAccuracy)}`,
    `  this policy - untrained policy ${interval(difference!)}`,
    `  this policy - source ${interval(gain!)}`,
  ];
}
