import { evaluation, type rpc } from '@nat/contracts';
import type { EvaluationKindName } from '@nat/convert';
import { retryIntervalMs, type RetryPolicy } from '@nat/base/retry';
import { DomainError, isDomainError } from '@nat/base/errors';
import type { Database } from '@nat/storage';
import { sql } from 'kysely';
import type { Settled } from '@nat/base/batcher';
import { checkOutcome } from './check-outcome.ts';
import { sha256 } from './specification.ts';
import {
  evaluationNotFound,
  isFinal,
  lockRows,
  prepareEnding,
  requeue,
  requireToken,
  staleLease,
  storeEndings,
  type LockedEvaluation,
  type PreparedEnding,
} from './finalize.ts';
import type { EvaluationState, EvaluatorTables, FinalState } from '../tables/tables.ts';

/** An outcome that the holder of a lease reports. */
export interface ReportedOutcome {
  readonly name: string;
  readonly token: number;
  readonly outcome: evaluation.Outcome;
  /** W3C trace context of the report. */
  readonly traceparent?: string | undefined;
}

/** What came of an attempt. */
export interface Completion {
  readonly state: EvaluationState;
  readonly kind: EvaluationKindName;
  /** False when it was a repetition. */
  readonly changed: boolean;
  readonly runningMs: number;
}

/** What a report comes to, before anything is written. */
type Decision =
  | { readonly does: 'nothing' }
  | { readonly does: 'requeue'; readonly error: rpc.Status | undefined; readonly pauseMs: number }
  | { readonly does: 'end'; readonly ending: PreparedEnding };

/**
 * Ends leases with their outcomes, those of different evaluations in one transaction: each is stored or refused for itself. The first valid final outcome
 * stays. A failure that may pass goes back to the queue until the attempts are used up. A lease that expired still counts while nobody else has leased
 * the evaluation since.
 * @returns for each report in its order what came of it, or a DomainError: NOT_FOUND; FAILED_PRECONDITION STALE_LEASE when another lease was given
 * since, or this one was ended otherwise; ALREADY_FINAL when it ended with another outcome; INVALID_ARGUMENT for an outcome that does not answer
 * what was asked
 */
export async function completeEvaluations(
  database: Database<EvaluatorTables>,
  reports: readonly ReportedOutcome[],
  retry: RetryPolicy,
): Promise<readonly Settled<Completion>[]> {
  return database.transaction(async (tx) => {
    // Locked oldest first, as everywhere: batches with common rows wait for each other instead of deadlocking.
    const rows = await lockRows(tx, sql`e.name = ANY (${reports.map(({ name }) => name)}::text[])`);
    const byName = new Map(rows.map((row) => [row.name, row]));
    const endings: PreparedEnding[] = [];
    const answers: Settled<Completion>[] = [];
    for (const report of reports) {
      try {
        const row = byName.get(report.name);
        if (row === undefined) throw evaluationNotFound(report.name);
        const completion = { kind: row.kind, runningMs: row.running_ms ?? 0 };
        const decision = decide(row, report, retry);
        if (decision.does === 'requeue') await requeue(tx, row, decision);
        if (decision.does === 'end') endings.push(decision.ending);
        const state = decision.does === 'end' ? decision.ending.state : decision.does === 'requeue' ? 'QUEUED' : row.state;
        answers.push({ result: { ...completion, state, changed: decision.does !== 'nothing' } });
      } catch (error) {
        // Ours are found before anything is written; what the database throws ends the transaction.
        if (!isDomainError(error) || !REFUSALS.has(error.kind)) throw error;
        answers.push({ error });
      }
    }
    await storeEndings(tx, endings);
    return answers;
  });
}

const REFUSALS: ReadonlySet<string> = new Set(['NOT_FOUND', 'FAILED_PRECONDITION', 'INVALID_ARGUMENT']);

function decide(row: LockedEvaluation, { name, token, outcome, traceparent }: ReportedOutcome, retry: RetryPolicy): Decision {
  requireToken(row, token);
  const { result } = outcome;
  const passing = result?.$case === 'failed' && !result.value.terminal;
  if (isFinal(row.state)) {
    if (row.outcome_sha256 === sha256(evaluation.Outcome.encode(outcome).finish())) return { does: 'nothing' };
    throw new DomainError('FAILED_PRECONDITION', `${name} has ended as ${row.state}`, { reason: 'ALREADY_FINAL', metadata: { name, state: row.state } });
  }
  if (token === row.settled_token) {
    if (passing) return { does: 'nothing' };
    throw staleLease(row, token);
  }
  checkOutcome(outcome, { kind: row.kind, candidates: row.candidates, candidatesSha256: row.candidates_sha256 });
  const attempts = row.attempt - row.released;
  if (passing && attempts < row.max_attempts) {
    return { does: 'requeue', error: result.value.error, pauseMs: retryIntervalMs(retry, attempts) };
  }
  return { does: 'end', ending: prepareEnding({ row, state: finalState(result), outcome, traceparent }) };
}

function finalState(result: evaluation.Outcome['result']): FinalState {
  switch (result?.$case) {
    case 'succeeded':
      return 'SUCCEEDED';
    case 'cancelled':
      return 'CANCELLED';
    case 'failed':
      return result.value.terminal ? 'FAILED' : 'POISONED';
    case undefined:
      throw DomainError.invalid('outcome', 'a result is required', 'INVALID_OUTCOME');
  }
}
