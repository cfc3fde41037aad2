/** Trials as clients list them: what was drawn, with what came of it. */
import { search as wire } from '@nat/contracts';
import { DomainError, type DomainErrorKind } from '@nat/base/errors';
import { domainErrorToStatus } from '@nat/service';
import { sql, type RawBuilder } from 'kysely';
import { trialNames } from '../names.ts';
import type { Reader, SearchRow } from './tables.ts';

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
  readonly reward: number | null;
  readonly own_failure: string | null;
  readonly needs_greedy: boolean;
  readonly greedy_value: number | null;
  readonly greedy_failure: string | null;
}

/** What came of the candidate that the column of a trial numbers. */
function outcomeOf(column: 'source_candidate' | 'result_candidate' | 'greedy_candidate'): RawBuilder<unknown> {
  const candidate = sql.ref(`t.${column}`);
  return sql`LEFT JOIN LATERAL (
      SELECT o.value, coalesce(o.failure, nullif(e.failure, '')) AS failure
      FROM policy.evaluation e LEFT JOIN policy.outcome o ON o.round = r.ordinal AND o.candidate = ${candidate}
      WHERE e.round = r.ordinal AND e.kind = 'candidates' AND ${candidate} >= e.first_candidate AND ${candidate} < e.first_candidate + e.candidates
    )`;
}

/** Trials by round and index. A trial counts once its round was learned from; until then it is pending, whatever is known of it. */
export async function listTrials(reader: Reader, search: SearchRow, { round, after, limit }: TrialPage): Promise<readonly wire.Trial[]> {
  const { rows } = await sql<TrialResult>`
    SELECT r.number AS round, r.policy_step, r.dropped, r.learned_step, t.index, t.source, t.result, t.log_prob,
      result.value - source.value AS reward, coalesce(source.failure, result.failure) AS own_failure,
      t.greedy_candidate IS NOT NULL AS needs_greedy, greedy.value AS greedy_value, greedy.failure AS greedy_failure
    FROM policy.round r
    JOIN policy.trial t ON t.round = r.ordinal
    ${outcomeOf('source_candidate')} AS source ON true
    ${outcomeOf('result_candidate')} AS result ON true
    ${outcomeOf('greedy_candidate')} AS greedy ON true
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
  const [, reason, message] = /^(?:greedy result: )?([A-Z][A-Z0-9_]*): (.*)$/s.exec(failure) ?? [];
  if (reason === undefined || message === undefined) return new DomainError('FAILED_PRECONDITION', failure, { reason: 'FAILED' });
  return new DomainError(KINDS[reason] ?? 'FAILED_PRECONDITION', failure.startsWith('greedy result: ') ? `greedy result: ${message}` : message, { reason });
}

function failureOf({ reward, own_failure: own, needs_greedy: needsGreedy, greedy_value: greedy, greedy_failure: failure }: TrialResult): string | undefined {
  if (own !== null) return own;
  if (reward === null) return 'MISSING: the evaluator gave no value';
  if (!needsGreedy) return undefined;
  if (failure !== null) return `greedy result: ${failure}`;
  return greedy === null ? 'greedy result: MISSING: the evaluator gave no value' : undefined;
}
