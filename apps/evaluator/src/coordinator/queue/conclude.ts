import { evaluation } from '@nat/contracts';
import { DomainError } from '@nat/errors';
import { MAX_PAYLOAD_BYTES, OUTCOME_TOPIC, appendOutbox, json, type Database } from '@nat/storage';
import { sql, type RawBuilder, type Transaction } from 'kysely';
import { blobsOf } from '../../outcome-blobs.ts';
import { checkOutcome } from '../outcome.ts';
import { sha256 } from '../specification.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { LeaseReference } from './lease.ts';
import { pack } from './packing.ts';
import type { EvaluationKind, EvaluationState, EvaluatorTables, FinalState } from './tables.ts';

/** How failed attempts are tried again. */
export interface RetryPolicy {
  /** Pause after the first failed attempt, doubled after each further one. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

/** A row that this transaction holds the lock of. */
export interface LockedEvaluation {
  readonly ordinal: number;
  readonly name: string;
  readonly search: string;
  readonly kind: EvaluationKind;
  readonly state: EvaluationState;
  readonly attempt: number;
  readonly released: number;
  readonly max_attempts: number;
  readonly token: number;
  readonly settled_token: number;
  readonly worker: string;
  readonly required: readonly string[];
  readonly pairs: number;
  readonly pairs_sha256: string;
  readonly outcome_sha256: string | null;
  /** The database's clock. */
  readonly now: Date;
  /** Milliseconds since the first lease; null before it. */
  readonly running_ms: number | null;
}

export type EvaluatorTransaction = Transaction<EvaluatorTables>;

/** Locks the rows that the condition picks, oldest first. With `skipLocked`, those that another transaction holds are left to it. */
export async function lockRows(
  tx: EvaluatorTransaction,
  where: RawBuilder<unknown>,
  { limit, skipLocked = false }: { readonly limit?: number; readonly skipLocked?: boolean } = {},
): Promise<LockedEvaluation[]> {
  const { rows } = await sql<LockedEvaluation>`
    SELECT e.ordinal, e.name, e.search, e.kind, e.state, e.attempt, e.released, e.max_attempts, e.token, e.settled_token, e.worker, e.required, e.pairs,
      e.pairs_sha256, e.outcome_sha256, clock_timestamp() AS now, extract(epoch FROM clock_timestamp() - e.start_time)::float8 * 1000 AS running_ms
    FROM evaluator.evaluation AS e WHERE ${where} ORDER BY e.ordinal ${limit === undefined ? sql`` : sql`LIMIT ${limit}`} FOR UPDATE OF e ${skipLocked ? sql`SKIP LOCKED` : sql``}`.execute(
    tx,
  );
  return rows;
}

/** Locks one by name. @throws DomainError NOT_FOUND EVALUATION_NOT_FOUND */
export async function lockByName(tx: EvaluatorTransaction, name: string): Promise<LockedEvaluation> {
  const row = (await lockRows(tx, sql`e.name = ${name}`))[0];
  if (row === undefined) throw evaluationNotFound(name);
  return row;
}

export function evaluationNotFound(name: string): DomainError {
  return new DomainError('NOT_FOUND', `${name} does not exist`, { reason: 'EVALUATION_NOT_FOUND', metadata: { name } });
}

export function isFinal(state: EvaluationState): state is FinalState {
  return state !== 'QUEUED' && state !== 'LEASED';
}

export interface Conclusion {
  readonly state: FinalState;
  readonly outcome: evaluation.Outcome;
}

/**
 * Ends locked rows that are not final, all with the same outcome: stores it and appends one event each to the outbox. The caller's transaction makes
 * both one: an outcome is stored exactly when its event exists.
 * @throws DomainError INVALID_ARGUMENT OUTCOME_TOO_LARGE when the event would not fit into a message
 */
export async function conclude(tx: EvaluatorTransaction, rows: readonly LockedEvaluation[], { state, outcome }: Conclusion): Promise<void> {
  const first = rows[0];
  if (first === undefined) return;
  const endTime = first.now;
  const bytes = evaluation.Outcome.encode(outcome).finish();
  const blobs = outcome.result?.$case === 'succeeded' ? blobsOf(outcome.result.value) : [];
  const messages = rows.map((row) => ({
    topic: OUTCOME_TOPIC.name,
    key: row.search === '' ? row.name : row.search,
    id: row.name,
    payload: evaluation.OutcomeEvent.encode(
      evaluation.OutcomeEvent.create({ evaluation: row.name, search: row.search, state: `EVALUATION_STATE_${state}`, outcome, attempt: row.attempt, endTime }),
    ).finish(),
  }));
  for (const { payload } of messages) {
    if (payload.length > MAX_PAYLOAD_BYTES) {
      throw DomainError.invalid('outcome', `its event takes ${payload.length} bytes, a message holds ${MAX_PAYLOAD_BYTES}`, 'OUTCOME_TOO_LARGE');
    }
  }
  await tx
    .updateTable('evaluator.evaluation')
    .set({
      state,
      outcome: pack(bytes),
      outcome_sha256: sha256(bytes),
      end_time: endTime,
      lease_expire_time: null,
      not_before: null,
      // What it started from is no longer needed.
      resume_from: '',
      checkpoint_blobs: json([]),
      blobs: json(blobs),
    })
    .where(
      'ordinal',
      'in',
      rows.map(({ ordinal }) => ordinal),
    )
    .execute();
  await appendOutbox(tx, messages);
}

export function failed(reason: string, message: string, terminal: boolean): evaluation.Outcome {
  return { result: { $case: 'failed', value: { reason, message, terminal } } };
}

/** What came of an attempt. */
export interface Completion {
  readonly state: EvaluationState;
  readonly kind: EvaluationKind;
  /** False when it was a repetition. */
  readonly changed: boolean;
  readonly runningMs: number;
}

/**
 * Ends a lease with an outcome. The first valid final outcome stays. A failure that may pass goes back to the queue until the attempts are used up.
 * A lease that expired still counts while nobody else has leased the evaluation since.
 * @throws DomainError FAILED_PRECONDITION STALE_LEASE when another lease was given since, or this one was ended otherwise; ALREADY_CONCLUDED when it
 * ended with another outcome; INVALID_ARGUMENT for an outcome that does not answer what was asked
 */
export async function completeEvaluation(
  database: Database<EvaluatorTables>,
  { name, token, outcome, retry }: { readonly name: string; readonly token: number; readonly outcome: evaluation.Outcome; readonly retry: RetryPolicy },
): Promise<Completion> {
  return database.transaction(async (tx) => {
    const row = await lockByName(tx, name);
    const completion = { kind: row.kind, runningMs: row.running_ms ?? 0 };
    requireToken(row, token);
    const { result } = outcome;
    const passing = result?.$case === 'failed' && !result.value.terminal;
    if (isFinal(row.state)) {
      if (row.outcome_sha256 === sha256(evaluation.Outcome.encode(outcome).finish())) return { ...completion, state: row.state, changed: false };
      throw new DomainError('FAILED_PRECONDITION', `${name} has ended as ${row.state}`, { reason: 'ALREADY_CONCLUDED', metadata: { name, state: row.state } });
    }
    if (token === row.settled_token) {
      if (passing) return { ...completion, state: row.state, changed: false };
      throw staleLease(row, token);
    }
    checkOutcome(outcome, { kind: row.kind, pairs: row.pairs, pairsSha256: row.pairs_sha256 });
    if (passing && row.attempt - row.released < row.max_attempts) {
      await requeue(tx, row, { error: `${result.value.reason}: ${result.value.message}`, pauseMs: backoff(retry, row.attempt - row.released) });
      return { ...completion, state: 'QUEUED', changed: true };
    }
    const state = finalState(result);
    await conclude(tx, [row], { state, outcome });
    return { ...completion, state, changed: true };
  });
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

function backoff({ backoffMs, maxBackoffMs }: RetryPolicy, attempts: number): number {
  return Math.min(maxBackoffMs, backoffMs * 2 ** Math.max(0, attempts - 1));
}

/** Puts a locked row back into the queue, its lease settled. */
async function requeue(
  tx: EvaluatorTransaction,
  row: LockedEvaluation,
  { error, pauseMs }: { readonly error: string; readonly pauseMs: number },
): Promise<void> {
  await tx
    .updateTable('evaluator.evaluation')
    .set({
      state: 'QUEUED',
      settled_token: row.token,
      lease_expire_time: null,
      last_error: error.slice(0, 1000),
      queue_time: row.now,
      not_before: pauseMs > 0 ? new Date(row.now.getTime() + pauseMs) : null,
    })
    .where('ordinal', '=', row.ordinal)
    .execute();
}

/**
 * Gives a lease back without an outcome. The attempt does not count against the evaluation; releasing again is harmless.
 * @throws DomainError FAILED_PRECONDITION STALE_LEASE, ALREADY_CONCLUDED
 */
export async function releaseLease(database: Database<EvaluatorTables>, { name, token, resumeFrom, blobs }: LeaseReference & Checkpoint): Promise<void> {
  await database.transaction(async (tx) => {
    const row = await lockByName(tx, name);
    requireToken(row, token);
    if (isFinal(row.state)) {
      throw new DomainError('FAILED_PRECONDITION', `${name} has ended as ${row.state}`, { reason: 'ALREADY_CONCLUDED', metadata: { name, state: row.state } });
    }
    if (token === row.settled_token) return;
    await tx
      .updateTable('evaluator.evaluation')
      .set({
        state: 'QUEUED',
        settled_token: row.token,
        released: row.released + 1,
        lease_expire_time: null,
        queue_time: row.now,
        ...(resumeFrom === '' ? {} : { resume_from: resumeFrom, checkpoint_blobs: json(blobs) }),
      })
      .where('ordinal', '=', row.ordinal)
      .execute();
  });
}

function requireToken(row: LockedEvaluation, token: number): void {
  if (token !== row.token || token === 0) throw staleLease(row, token);
}

export function staleLease({ name, token: current }: { readonly name: string; readonly token: number }, token: number): DomainError {
  return new DomainError('FAILED_PRECONDITION', `the lease ${token} of ${name} is over`, {
    reason: 'STALE_LEASE',
    metadata: { name, token: String(token), currentToken: String(current) },
  });
}

/**
 * Takes leases away from workers that died: back to the queue, or poisoned when no attempt is left. `settle` fences the old holder out at once; without
 * it, its late outcome is still welcome until somebody else leases.
 * @returns how many were queued again, and the ones that were poisoned
 */
export async function loseLeases(
  tx: EvaluatorTransaction,
  rows: readonly LockedEvaluation[],
  { reason, message, settle }: { readonly reason: string; readonly message: string; readonly settle: boolean },
): Promise<{ readonly queued: number; readonly poisoned: readonly LockedEvaluation[] }> {
  const poisoned = rows.filter((row) => row.attempt - row.released >= row.max_attempts);
  await conclude(tx, poisoned, { state: 'POISONED', outcome: failed(reason, message, false) });
  const again = rows.filter((row) => row.attempt - row.released < row.max_attempts).map(({ ordinal }) => ordinal);
  if (again.length > 0) {
    await sql`
      UPDATE evaluator.evaluation
      SET state = 'QUEUED', lease_expire_time = NULL, last_error = ${`${reason}: ${message}`}, queue_time = clock_timestamp()
        ${settle ? sql`, settled_token = token` : sql``}
      WHERE ordinal = ANY (${again}::bigint[])`.execute(tx);
  }
  return { queued: again.length, poisoned };
}
