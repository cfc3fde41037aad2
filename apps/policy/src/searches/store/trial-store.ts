/** Trials as clients list them: what was drawn, with what came of it. */
import { search as wire } from '@nat/contracts';
import { DomainError, type DomainErrorKind } from '@nat/base/errors';
import { domainErrorToStatus } from '@nat/service';
import { sql } from 'kysely';
import { trialNames } from '../names.ts';
import type { Reader, SearchRow } from './search-store.ts';

export interface TrialPage {
  /** Only this round. */
  readonly round: number | undefined;
  /** Position after which the page begins. */
  readonly after: { readonly round: number; readonly index: number } | undefined;
  readonly limit: number;
}

interface TrialResult {
  readonly round: number;
  readonly policy_step: number;
  readonly learned_step: number | null;
  readonly dropped: string | null;
  readonly index: number;
  readonly source: string;
  readonly result: string;
  readonly log_prob: number;
  readonly own_evaluation: string;
  readonly reward: number | null;
  readonly own_failure: string | null;
  readonly greedy_pair: number | null;
  readonly greedy_reward: number | null;
  readonly greedy_failure: string | null;
}

/** Trials by round and index. A trial counts once its round was learned from; until then it is pending, whatever is known of it. */
export async function listTrials(reader: Reader, search: SearchRow, { round, after, limit }: TrialPage): Promise<readonly wire.Trial[]> {
  const { rows } = await sql<TrialResult>`
    SELECT r.number AS round, r.policy_step, r.dropped, r.learned_step, t.index, t.source, t.result, t.log_prob, t.greedy_pair,
      o.result_value - o.source_value AS reward, coalesce(o.failure, nullif(e.failure, '')) AS own_failure, coalesce(e.state, 'PENDING') AS own_evaluation,
      g.result_value - g.source_value AS greedy_reward, coalesce(g.failure, nullif(ge.failure, '')) AS greedy_failure
    FROM policy.round r
    JOIN policy.trial t ON t.round = r.ordinal
    LEFT JOIN policy.outcome o ON o.round = r.ordinal AND o.pair = t.index
    LEFT JOIN policy.outcome g ON g.round = r.ordinal AND g.pair = t.greedy_pair
    LEFT JOIN policy.evaluation e ON e.round = r.ordinal AND e.kind = 'pairs' AND t.index >= e.first_pair AND t.index < e.first_pair + e.pairs
    LEFT JOIN policy.evaluation ge ON ge.round = r.ordinal AND ge.kind = 'pairs' AND t.greedy_pair >= ge.first_pair AND t.greedy_pair < ge.first_pair + ge.pairs
    WHERE r.search = ${search.ordinal} AND NOT r.comparison AND (${round ?? null}::int IS NULL OR r.number = ${round ?? null}::int)
      AND (r.number, t.index) > (${after?.round ?? -1}, ${after?.index ?? -1})
    ORDER BY r.number, t.index
    LIMIT ${limit}`.execute(reader);
  return rows.map((row) => toWire(search, row));
}

function toWire(search: SearchRow, row: TrialResult): wire.Trial {
  const { namespace, search_id: searchId } = search;
  const { round, index } = row;
  const learned = row.learned_step !== null;
  const failure = row.dropped ?? (learned ? failureOf(row) : undefined);
  const counted = learned && failure === undefined;
  return {
    name: trialNames.format({ namespace, search: searchId, trial: `${round}-${index}` }),
    round,
    index,
    source: row.source,
    result: row.result,
    logProb: row.log_prob,
    state: counted ? wire.TrialState.TRIAL_STATE_COUNTED : failure === undefined ? wire.TrialState.TRIAL_STATE_PENDING : wire.TrialState.TRIAL_STATE_FAILED,
    reward: counted ? (row.reward ?? undefined) : undefined,
    error: failure === undefined ? undefined : domainErrorToStatus(errorOf(failure)),
    policyStep: row.policy_step,
    learnedStep: row.learned_step ?? undefined,
  };
}

const KINDS: Readonly<Record<string, DomainErrorKind>> = { STALE: 'ABORTED', CANCELLED: 'CANCELLED', OVERDUE: 'DEADLINE_EXCEEDED' };

/** The error behind `REASON: message`, as failures are stored. */
function errorOf(failure: string): DomainError {
  const [, reason, message] = /^(?:greedy partner: )?([A-Z][A-Z0-9_]*): (.*)$/s.exec(failure) ?? [];
  if (reason === undefined || message === undefined) return new DomainError('FAILED_PRECONDITION', failure, { reason: 'FAILED' });
  return new DomainError(KINDS[reason] ?? 'FAILED_PRECONDITION', failure.startsWith('greedy partner: ') ? `greedy partner: ${message}` : message, { reason });
}

function failureOf({ reward, own_failure: own, greedy_pair: pair, greedy_reward: greedyReward, greedy_failure: greedy }: TrialResult): string | undefined {
  if (own !== null) return own;
  if (reward === null) return 'MISSING: the evaluator gave no value';
  if (pair === null) return undefined;
  if (greedy !== null) return `greedy partner: ${greedy}`;
  return greedyReward === null ? 'greedy partner: MISSING: the evaluator gave no value' : undefined;
}
