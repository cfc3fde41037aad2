import { evaluation } from '@nat/contracts';
import type { EvaluationKindName } from '@nat/convert';
import { appendOutbox, OBSERVATION_TOPIC, type Database } from '@nat/storage';
import { sql } from 'kysely';
import { evaluationNotFound, staleLease } from './finalize.ts';
import { unpack } from '../tables/packing.ts';
import type { EvaluationState, EvaluatorTables } from '../tables/tables.ts';

/** An evaluation as the queue knows it. */
export interface StoredEvaluation {
  readonly ordinal: number;
  readonly name: string;
  readonly kind: EvaluationKindName;
  readonly required: readonly string[];
  readonly state: EvaluationState;
  readonly attempt: number;
  readonly create_time: Date;
  readonly start_time: Date | null;
  readonly end_time: Date | null;
  readonly worker: string;
  readonly observations: number;
  readonly last_status: Uint8Array | null;
  /** Null in lists. */
  readonly spec: Uint8Array | null;
  readonly outcome: Uint8Array | null;
}

const SHORT = [
  'ordinal',
  'name',
  'kind',
  'required',
  'state',
  'attempt',
  'create_time',
  'start_time',
  'end_time',
  'worker',
  'observations',
  'last_status',
] as const;

/** Those that exist, in any order, with specification and outcome. */
export async function readEvaluations(database: Database<EvaluatorTables>, names: readonly string[]): Promise<StoredEvaluation[]> {
  const rows = await database.kysely
    .selectFrom('evaluator.evaluation')
    .select([...SHORT, 'spec', 'outcome'])
    .where('name', 'in', names)
    .execute();
  return rows.map((row) => ({ ...row, spec: unpack(row.spec), outcome: row.outcome === null ? null : unpack(row.outcome) }));
}

/** One evaluation. @throws DomainError NOT_FOUND EVALUATION_NOT_FOUND */
export async function readEvaluation(database: Database<EvaluatorTables>, name: string): Promise<StoredEvaluation> {
  const row = (await readEvaluations(database, [name]))[0];
  if (row === undefined) throw evaluationNotFound(name);
  return row;
}

export interface ListQuery {
  readonly namespace: string;
  readonly search?: string | undefined;
  readonly state?: EvaluationState | undefined;
  readonly kind?: EvaluationKindName | undefined;
  /** Evaluations submitted after this one. */
  readonly afterOrdinal: number;
  readonly limit: number;
}

/** In order of submission, without specifications and outcomes. */
export async function listEvaluations(database: Database<EvaluatorTables>, query: ListQuery): Promise<StoredEvaluation[]> {
  let select = database.kysely
    .selectFrom('evaluator.evaluation')
    .select(SHORT)
    .where('namespace', '=', query.namespace)
    .where('ordinal', '>', query.afterOrdinal)
    .orderBy('ordinal')
    .limit(query.limit);
  if (query.search !== undefined) select = select.where('search', '=', query.search);
  if (query.state !== undefined) select = select.where('state', '=', query.state);
  if (query.kind !== undefined) select = select.where('kind', '=', query.kind);
  const rows = await select.execute();
  return rows.map((row) => ({ ...row, spec: null, outcome: null }));
}

export interface NewObservation {
  readonly metric: string;
  readonly value: number;
  readonly step: number;
  readonly time: Date;
  readonly candidateId: string;
}

/**
 * Appends what a lease saw, numbered from `firstSequence`, and publishes it; numbers that are there already stay, and are not published again.
 * @throws DomainError NOT_FOUND; FAILED_PRECONDITION STALE_LEASE when the lease is over
 */
export async function appendObservations(
  database: Database<EvaluatorTables>,
  {
    name,
    token,
    firstSequence,
    observations,
  }: { readonly name: string; readonly token: number; readonly firstSequence: number; readonly observations: readonly NewObservation[] },
): Promise<void> {
  const held = await database.transaction(async (tx) => {
    const { rows } = await sql<{ search: string; attempt: number; added: number }>`
    WITH held AS (
      SELECT ordinal, token, attempt, search FROM evaluator.evaluation
      WHERE name = ${name} AND token = ${token} AND settled_token < token AND state IN ('LEASED', 'QUEUED')
    ), added AS (
      INSERT INTO evaluator.observation (ordinal, token, sequence, attempt, metric, value, step, time, candidate_id)
      SELECT held.ordinal, held.token, ${firstSequence}::bigint + seen.place - 1, held.attempt, seen.metric, seen.value, seen.step, seen.time, seen.candidate_id
      FROM held, unnest(
        ${observations.map(({ metric }) => metric)}::text[], ${observations.map(({ value }) => value)}::float8[], ${observations.map(({ step }) => step)}::bigint[],
        ${observations.map(({ time }) => time)}::timestamptz[], ${observations.map(({ candidateId }) => candidateId)}::text[]
      ) WITH ORDINALITY AS seen (metric, value, step, time, candidate_id, place)
      ON CONFLICT DO NOTHING
      RETURNING 1
    )
    UPDATE evaluator.evaluation AS e SET observations = e.observations + (SELECT count(*) FROM added)
    FROM held WHERE e.ordinal = held.ordinal
    RETURNING e.search, held.attempt, (SELECT count(*) FROM added) AS added`.execute(tx);
    const [row] = rows;
    if (row === undefined || row.added === 0) return row;
    const { search, attempt } = row;
    const event = evaluation.ObservationEvent.create({
      evaluation: name,
      search,
      attempt,
      firstSequence,
      observations: observations.map((one) => ({ ...one, attempt })),
    });
    await appendOutbox(tx, [
      {
        topic: OBSERVATION_TOPIC.name,
        key: search === '' ? name : search,
        // By the attempt, which is another one with every lease: whoever reads the topic does not learn the token.
        id: `${name}/${String(attempt)}/${String(firstSequence + observations.length - 1)}`,
        payload: evaluation.ObservationEvent.encode(event).finish(),
      },
    ]);
    return row;
  });
  if (held !== undefined) return;
  const row = (await database.kysely.selectFrom('evaluator.evaluation').select(['name', 'token']).where('name', '=', name).execute())[0];
  throw row === undefined ? evaluationNotFound(name) : staleLease(row, token);
}

export interface StoredObservation extends NewObservation {
  readonly sequence: number;
  readonly attempt: number;
}

/** Where a page of observations begins: behind this one. */
export interface ObservationPosition {
  readonly attempt: number;
  readonly sequence: number;
}

/** Observations of every attempt, oldest first. @throws DomainError NOT_FOUND */
export async function listObservations(
  database: Database<EvaluatorTables>,
  { name, after, limit }: { readonly name: string; readonly after: ObservationPosition; readonly limit: number },
): Promise<StoredObservation[]> {
  const { rows: found } = await sql<{ ordinal: number }>`SELECT ordinal FROM evaluator.evaluation WHERE name = ${name}`.execute(database.kysely);
  const [row] = found;
  if (row === undefined) throw evaluationNotFound(name);
  const { rows } = await sql<Omit<StoredObservation, 'candidateId'> & { candidate_id: string }>`
    SELECT sequence, attempt, metric, value, step, time, candidate_id FROM evaluator.observation
    WHERE ordinal = ${row.ordinal} AND (token, sequence) > (
      coalesce((SELECT token FROM evaluator.observation WHERE ordinal = ${row.ordinal} AND attempt = ${after.attempt} LIMIT 1), 0), ${after.sequence}::bigint)
    ORDER BY token, sequence LIMIT ${limit}`.execute(database.kysely);
  return rows.map(({ candidate_id: candidateId, ...row }) => ({ ...row, candidateId }));
}

/** Evaluations that are not final, by kind and state. */
export async function countOpen(
  database: Database<EvaluatorTables>,
): Promise<{ readonly kind: string; readonly state: EvaluationState; readonly count: number }[]> {
  const { rows } = await sql<{ kind: string; state: EvaluationState; count: number }>`
    SELECT kind, state, count(*) AS count FROM evaluator.evaluation WHERE state IN ('QUEUED', 'LEASED') GROUP BY kind, state`.execute(database.kysely);
  return rows;
}
