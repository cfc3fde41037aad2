import { evaluation, rpc } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { domainErrorToStatus } from '@nat/service';
import { MAX_PAYLOAD_BYTES, OUTCOME_TOPIC, appendOutbox, json, type Database } from '@nat/storage';
import { sql, type RawBuilder } from 'kysely';
import { blobsOf, type EvaluationKindName } from '@nat/convert';
import { sha256 } from './specification.ts';
import type { LeaseReference } from './lease.ts';
import { pack } from '../tables/packing.ts';
import type { EvaluationState, EvaluatorTables, EvaluatorTransaction, FinalState } from '../tables/tables.ts';

/** A row that this transaction holds the lock of. */
export interface LockedEvaluation {
  readonly ordinal: number;
  readonly name: string;
  readonly search: string;
  readonly kind: EvaluationKindName;
  readonly state: EvaluationState;
  readonly attempt: number;
  readonly released: number;
  readonly max_attempts: number;
  readonly token: number;
  readonly settled_token: number;
  readonly worker: string;
  readonly required: readonly string[];
  readonly candidates: number;
  readonly candidates_sha256: string;
  readonly outcome_sha256: string | null;
  /** The database's clock. */
  readonly now: Date;
  /** Milliseconds since the first lease; null before it. */
  readonly running_ms: number | null;
  /** W3C trace context of the call that submitted it. */
  readonly traceparent: string | null;
}

/** Locks the rows that the condition picks, oldest first. With `skipLocked`, those that another transaction holds are left to it. */
export async function lockRows(
  tx: EvaluatorTransaction,
  where: RawBuilder<unknown>,
  { limit, skipLocked = false }: { readonly limit?: number; readonly skipLocked?: boolean } = {},
): Promise<LockedEvaluation[]> {
  const { rows } = await sql<LockedEvaluation>`
    SELECT e.ordinal, e.name, e.search, e.kind, e.state, e.attempt, e.released, e.max_attempts, e.token, e.settled_token, e.worker, e.required, e.candidates,
      e.candidates_sha256, e.outcome_sha256, e.traceparent, clock_timestamp() AS now, extract(epoch FROM clock_timestamp() - e.start_time)::float8 * 1000 AS running_ms
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

/** A locked row that is not final, and how it ends. */
export interface Ending {
  readonly row: LockedEvaluation;
  readonly state: FinalState;
  readonly outcome: evaluation.Outcome;
  /** W3C trace context of what ends it. @default that of the call that submitted it */
  readonly traceparent?: string | undefined;
}

/** An ending as it is stored and published. */
export interface PreparedEnding extends Pick<Ending, 'row' | 'state'> {
  readonly packed: Uint8Array;
  readonly sha256: string;
  /** Blobs that the outcome names. */
  readonly blobs: readonly string[];
  readonly payload: Uint8Array;
  readonly traceparent: string | undefined;
}

/** @throws DomainError INVALID_ARGUMENT OUTCOME_TOO_LARGE when the event would not fit into a message */
export function prepareEnding({ row, state, outcome, traceparent = row.traceparent ?? undefined }: Ending): PreparedEnding {
  const payload = evaluation.OutcomeEvent.encode(
    evaluation.OutcomeEvent.create({
      evaluation: row.name,
      search: row.search,
      state: `EVALUATION_STATE_${state}`,
      outcome,
      attempt: row.attempt,
      endTime: row.now,
    }),
  ).finish();
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw DomainError.invalid('outcome', `its event takes ${payload.length} bytes, a message holds ${MAX_PAYLOAD_BYTES}`, 'OUTCOME_TOO_LARGE');
  }
  const bytes = evaluation.Outcome.encode(outcome).finish();
  const blobs = outcome.result?.$case === 'succeeded' ? blobsOf(outcome.result.value) : [];
  return { row, state, packed: pack(bytes), sha256: sha256(bytes), blobs, payload, traceparent };
}

/**
 * Stores endings and appends one event each to the outbox, in two statements however many there are. The caller's transaction makes both one: an
 * outcome is stored exactly when its event exists.
 */
export async function storeEndings(tx: EvaluatorTransaction, endings: readonly PreparedEnding[]): Promise<void> {
  if (endings.length === 0) return;
  // What an evaluation started from is no longer needed once it has ended.
  await sql`
    UPDATE evaluator.evaluation AS e
    SET state = n.state, outcome = n.outcome, outcome_sha256 = n.sha256, end_time = n.end_time, lease_expire_time = NULL, not_before = NULL,
        resume_from = '', checkpoint_blobs = '[]', blobs = n.blobs::jsonb
    FROM unnest(${endings.map(({ row }) => row.ordinal)}::bigint[], ${endings.map(({ state }) => state)}::text[],
        ${endings.map(({ packed }) => packed)}::bytea[], ${endings.map((ending) => ending.sha256)}::text[],
        ${endings.map(({ row }) => row.now)}::timestamptz[], ${endings.map(({ blobs }) => JSON.stringify(blobs))}::text[])
      AS n (ordinal, state, outcome, sha256, end_time, blobs)
    WHERE e.ordinal = n.ordinal`.execute(tx);
  await appendOutbox(
    tx,
    endings.map(({ row, payload, traceparent }) => ({
      topic: OUTCOME_TOPIC.name,
      key: row.search === '' ? row.name : row.search,
      id: row.name,
      payload,
      traceparent,
    })),
  );
}

/** Ends locked rows that are not final, all with the same outcome; see `storeEndings`. @throws DomainError INVALID_ARGUMENT OUTCOME_TOO_LARGE */
export async function finalize(tx: EvaluatorTransaction, rows: readonly LockedEvaluation[], ending: Pick<Ending, 'state' | 'outcome'>): Promise<void> {
  await storeEndings(
    tx,
    rows.map((row) => prepareEnding({ row, ...ending })),
  );
}

/** A failed outcome. `terminal`: another attempt cannot mend it. */
export function failed(error: DomainError, terminal: boolean): evaluation.Outcome {
  return { result: { $case: 'failed', value: { error: domainErrorToStatus(error), terminal } } };
}

/** Puts a locked row back into the queue, its lease settled. */
export async function requeue(
  tx: EvaluatorTransaction,
  row: LockedEvaluation,
  { error, pauseMs }: { readonly error: rpc.Status | undefined; readonly pauseMs: number },
): Promise<void> {
  await tx
    .updateTable('evaluator.evaluation')
    .set({
      state: 'QUEUED',
      settled_token: row.token,
      lease_expire_time: null,
      last_status: error === undefined ? null : rpc.Status.encode(error).finish(),
      queue_time: row.now,
      not_before: pauseMs > 0 ? new Date(row.now.getTime() + pauseMs) : null,
    })
    .where('ordinal', '=', row.ordinal)
    .execute();
}

/**
 * Gives a lease back without an outcome. The attempt does not count against the evaluation; releasing again is harmless.
 * @throws DomainError FAILED_PRECONDITION STALE_LEASE, ALREADY_FINAL
 */
export async function releaseLease(database: Database<EvaluatorTables>, { name, token }: LeaseReference, checkpoint?: evaluation.Checkpoint): Promise<void> {
  await database.transaction(async (tx) => {
    const row = await lockByName(tx, name);
    requireToken(row, token);
    if (isFinal(row.state)) {
      throw new DomainError('FAILED_PRECONDITION', `${name} has ended as ${row.state}`, { reason: 'ALREADY_FINAL', metadata: { name, state: row.state } });
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
        ...(checkpoint === undefined ? {} : { resume_from: checkpoint.blob, checkpoint_blobs: json(checkpoint.namedBlobs) }),
      })
      .where('ordinal', '=', row.ordinal)
      .execute();
  });
}

export function requireToken(row: LockedEvaluation, token: number): void {
  if (token !== row.token || token === 0) throw staleLease(row, token);
}

/** Without the token that counts now: whoever asks may be anybody. */
export function staleLease({ name }: { readonly name: string }, token: number): DomainError {
  return new DomainError('FAILED_PRECONDITION', `the lease ${token} of ${name} is over`, { reason: 'STALE_LEASE', metadata: { name, token: String(token) } });
}

/**
 * Takes leases away from workers that died: back to the queue, or poisoned when no attempt is left. `settle` fences the old holder out at once; without
 * it, its late outcome is still welcome until somebody else leases.
 * @returns how many were queued again, and the ones that were poisoned
 */
export async function loseLeases(
  tx: EvaluatorTransaction,
  rows: readonly LockedEvaluation[],
  { error, settle }: { readonly error: DomainError; readonly settle: boolean },
): Promise<{ readonly queued: number; readonly poisoned: readonly LockedEvaluation[] }> {
  const poisoned = rows.filter((row) => row.attempt - row.released >= row.max_attempts);
  await finalize(tx, poisoned, { state: 'POISONED', outcome: failed(error, false) });
  const again = rows.filter((row) => row.attempt - row.released < row.max_attempts).map(({ ordinal }) => ordinal);
  if (again.length > 0) {
    await sql`
      UPDATE evaluator.evaluation
      SET state = 'QUEUED', lease_expire_time = NULL, last_status = ${rpc.Status.encode(domainErrorToStatus(error)).finish()}, queue_time = clock_timestamp()
        ${settle ? sql`, settled_token = token` : sql``}
      WHERE ordinal = ANY (${again}::bigint[])`.execute(tx);
  }
  return { queued: again.length, poisoned };
}
