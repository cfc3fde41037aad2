import { rpc, search as wire } from '@nat/contracts';
import { computeEtag } from '@nat/service';
import { policyNames } from '../../policies/names.ts';
import { searchNames } from '../names.ts';
import type { SearchRow, SearchStateName, StepRow } from './tables.ts';
import { searchSpecToWire } from './search-spec-converter.ts';
import { readEffectiveSpec } from './stored-spec.ts';

const STATES: Readonly<Record<SearchStateName, wire.SearchState>> = {
  RUNNING: wire.SearchState.SEARCH_STATE_RUNNING,
  PAUSED: wire.SearchState.SEARCH_STATE_PAUSED,
  SUCCEEDED: wire.SearchState.SEARCH_STATE_SUCCEEDED,
  FAILED: wire.SearchState.SEARCH_STATE_FAILED,
  CANCELLED: wire.SearchState.SEARCH_STATE_CANCELLED,
};

/** The state that a filter names, with or without the prefix of the enum. */
export function stateNamed(text: string): SearchStateName | undefined {
  const name = text.replace(/^SEARCH_STATE_/, '');
  return name in STATES ? (name as SearchStateName) : undefined;
}

export function etagOf({ namespace, search_id: search, revision }: SearchRow): string {
  return computeEtag([namespace, search, revision]);
}

export function searchToWire(row: SearchRow): wire.Search {
  const { namespace, search_id: search } = row;
  return {
    name: searchNames.format({ namespace, search }),
    searchId: search,
    spec: wire.SearchSpec.fromJSON(row.spec),
    effectiveSpec: searchSpecToWire(readEffectiveSpec(row)),
    state: STATES[row.state],
    step: row.step,
    candidates: row.candidates,
    failedCandidates: row.failed_candidates,
    policy: policyNames.format({ namespace, policy: search }),
    policySha256: row.policy_sha256,
    error: row.error === null ? undefined : rpc.Status.decode(row.error),
    createTime: row.create_time,
    updateTime: row.update_time,
    endTime: row.end_time ?? undefined,
    etag: etagOf(row),
    forkedFrom: row.forked_from,
    weightRounds: row.weight_rounds,
    weights: row.weights,
    heldOut: row.held_out === null ? undefined : wire.HeldOutReport.fromJSON(row.held_out),
    rewards: row.rewards,
    droppedTrials: row.dropped_trials,
  };
}

export function stepToWire(row: StepRow): wire.StepSummary {
  return {
    step: row.step,
    candidates: row.candidates,
    failedCandidates: row.failed_candidates,
    meanReward: row.mean_reward,
    meanGreedyReward: row.mean_greedy_reward,
    baseline: row.baseline,
    entropy: row.entropy,
    loss: row.loss,
    gradientNorm: row.gradient_norm,
    sourceAccuracy: row.source_accuracy ?? undefined,
    time: row.create_time,
    resultAccuracy: row.result_accuracy ?? undefined,
    trainLoss: row.train_loss ?? undefined,
    trainAccuracy: row.train_accuracy ?? undefined,
    epoch: row.epoch,
    weightRounds: row.weight_rounds,
    evaluations: row.evaluations,
    rewards: row.rewards,
    round: row.round,
    staleness: row.staleness,
    meanWeight: row.mean_weight,
    clippedShare: row.clipped_share,
    droppedTrials: row.dropped_trials,
  };
}
