import type { EvaluationKindName } from '@nat/convert';
import { json, type Database } from '@nat/storage';
import { sql, type RawBuilder } from 'kysely';
import { unpack } from '../tables/packing.ts';
import type { EvaluatorTables } from '../tables/tables.ts';
import { AFFINITY_WINDOW } from './start-tags.ts';

/** Who asks, and for how many at most. */
export interface LeaseAsked {
  readonly worker: string;
  readonly maxCount: number;
  /** Keys of the weights that the worker has in memory. */
  readonly loadedWeights: readonly string[];
}

/** What calls of workers that can do the same may lease. */
export interface LeaseQuery {
  readonly calls: readonly LeaseAsked[];
  readonly capabilities: readonly string[];
  readonly kinds: readonly string[];
  /** Specifications of one answer together, bytes; a single larger one is leased alone. */
  readonly maxBytes: number;
  readonly leaseMs: number;
}

export interface LeasedEvaluation {
  readonly name: string;
  readonly kind: EvaluationKindName;
  readonly spec: Uint8Array;
  /** Blob of the checkpoint to start from. */
  readonly resumeFrom: string | undefined;
  readonly token: number;
  readonly attempt: number;
  readonly expireTime: Date;
  /** Milliseconds it stood in the queue. */
  readonly waitedMs: number;
  /** W3C trace context of the call that submitted it; empty: not noted. */
  readonly traceparent: string;
}

/**
 * Leases what the workers can do, highest priority first, then by start tag (see start-tags.ts), then in the order of submission. Calls are served in their order.
 * @returns what each call gets, in their order
 */
export async function leaseEvaluations(database: Database<EvaluatorTables>, query: LeaseQuery): Promise<LeasedEvaluation[][]> {
  const ends: number[] = [];
  for (const { maxCount } of query.calls) ends.push((ends.at(-1) ?? 0) + maxCount);
  return leasePicked(
    database,
    query,
    sql`locked AS MATERIALIZED (
      SELECT ordinal, priority, start_tag, spec_bytes
      FROM evaluator.evaluation
      WHERE ${leasable(query)}
      ORDER BY priority DESC, start_tag, ordinal
      LIMIT ${ends.at(-1) ?? 0}
      FOR UPDATE SKIP LOCKED
    ), picked AS (
      SELECT ordinal, call, worker FROM (
        SELECT q.ordinal, c.call, c.worker, row_number() OVER answer AS place, sum(q.spec_bytes) OVER answer AS bytes
        FROM (SELECT *, row_number() OVER (ORDER BY priority DESC, start_tag, ordinal) AS place FROM locked) AS q
        JOIN unnest(${query.calls.map(({ worker }) => worker)}::text[], ${query.calls.map(({ maxCount }) => maxCount)}::int[], ${ends}::int[])
          WITH ORDINALITY AS c (worker, count, last, call) ON q.place > c.last - c.count AND q.place <= c.last
        WINDOW answer AS (PARTITION BY c.call ORDER BY q.place)
      ) AS sized
      WHERE place = 1 OR bytes <= ${query.maxBytes}
    )`,
  );
}

/**
 * Leases what scores or trains from weights that a worker has in memory, and nothing else: of the priority of the head of the queue, and at most
 * `AFFINITY_WINDOW` start tags after it. An evaluation of no search is not leased ahead of its tag: nothing records how often its submitter was.
 * @returns what each call gets, in their order
 */
export async function leaseWithAffinity(database: Database<EvaluatorTables>, query: LeaseQuery): Promise<LeasedEvaluation[][]> {
  // Of each weights the first evaluations are for the first call that has them, the next ones for the second.
  const ends = new Map<string, number>();
  const slots = query.calls.flatMap(({ worker, maxCount, loadedWeights }, i) =>
    loadedWeights.map((weights) => {
      const last = (ends.get(weights) ?? 0) + maxCount;
      ends.set(weights, last);
      return { weights, call: i + 1, worker, count: maxCount, last };
    }),
  );
  return leasePicked(
    database,
    query,
    sql`head AS MATERIALIZED (
      SELECT priority, start_tag FROM evaluator.evaluation WHERE ${leasable(query)} ORDER BY priority DESC, start_tag, ordinal LIMIT 1
    ), locked AS MATERIALIZED (
      SELECT e.* FROM unnest(${[...ends.keys()]}::text[], ${[...ends.values()]}::int[]) AS loaded (weights, count) CROSS JOIN LATERAL (
        SELECT ordinal, start_tag, spec_bytes, weights
        FROM evaluator.evaluation
        WHERE ${leasable(query)}
          AND weights = loaded.weights
          AND priority = (SELECT priority FROM head)
          AND start_tag <= (SELECT start_tag FROM head) + ${AFFINITY_WINDOW}
          AND search <> ''
        ORDER BY start_tag, ordinal
        LIMIT loaded.count
        FOR UPDATE SKIP LOCKED
      ) AS e
    ), picked AS (
      SELECT ordinal, call, worker FROM (
        SELECT q.ordinal, c.call, c.worker, c.count, row_number() OVER answer AS place, sum(q.spec_bytes) OVER answer AS bytes
        FROM (SELECT *, row_number() OVER (PARTITION BY weights ORDER BY start_tag, ordinal) AS place FROM locked) AS q
        JOIN unnest(${slots.map(({ weights }) => weights)}::text[], ${slots.map(({ call }) => call)}::bigint[], ${slots.map(({ worker }) => worker)}::text[],
            ${slots.map(({ count }) => count)}::int[], ${slots.map(({ last }) => last)}::int[])
          AS c (weights, call, worker, count, last) ON q.weights = c.weights AND q.place > c.last - c.count AND q.place <= c.last
        WINDOW answer AS (PARTITION BY c.call ORDER BY q.start_tag, q.ordinal)
      ) AS sized
      WHERE place <= count AND (place = 1 OR bytes <= ${query.maxBytes})
    )`,
  );
}

/** What workers of these abilities may be given now. */
function leasable({ kinds, capabilities }: LeaseQuery): RawBuilder<unknown> {
  return sql`state = 'QUEUED'
        AND kind = ANY (${kinds}::text[])
        AND required <@ ${json(capabilities)}
        AND (not_before IS NULL OR not_before <= clock_timestamp())`;
}

/** Between the tokens of two leases, so that later ones are higher: 2^17 leases of one evaluation stay exact numbers. */
const TOKEN_STEP = sql.lit(2 ** 36);

/**
 * Leases the rows of `picked (ordinal, call, worker)`, the last of the queries that are given. One statement for all calls: rows that another transaction
 * is leasing are skipped, never waited for. Each lease raises the token, so that an earlier holder is fenced out; its last 36 bits are random, so that nobody
 * but the holder can name it.
 */
async function leasePicked(database: Database<EvaluatorTables>, { calls, leaseMs }: LeaseQuery, picked: RawBuilder<unknown>): Promise<LeasedEvaluation[][]> {
  const { rows } = await sql<{
    call: number;
    name: string;
    kind: EvaluationKindName;
    spec: Uint8Array;
    resume_from: string;
    token: number;
    attempt: number;
    lease_expire_time: Date;
    waited_ms: number;
    priority: number;
    start_tag: number;
    ordinal: number;
    traceparent: string | null;
  }>`
    WITH ${picked}
    UPDATE evaluator.evaluation AS e
    SET state = 'LEASED', attempt = attempt + 1, worker = picked.worker,
        token = (token / ${TOKEN_STEP} + 1) * ${TOKEN_STEP} + ('x' || left(replace(gen_random_uuid()::text, '-', ''), 9))::bit(36)::bigint,
        lease_expire_time = clock_timestamp() + ${leaseMs} * interval '1 millisecond', not_before = NULL,
        start_time = coalesce(start_time, clock_timestamp())
    FROM picked WHERE e.ordinal = picked.ordinal
    RETURNING picked.call, e.name, e.kind, e.spec, e.resume_from, e.token, e.attempt, e.lease_expire_time, e.priority, e.start_tag, e.ordinal, e.traceparent,
      extract(epoch FROM clock_timestamp() - e.queue_time)::float8 * 1000 AS waited_ms`.execute(database.kysely);
  const answers = calls.map((): LeasedEvaluation[] => []);
  for (const row of rows.sort((a, b) => b.priority - a.priority || a.start_tag - b.start_tag || a.ordinal - b.ordinal)) {
    answers[row.call - 1]!.push({
      name: row.name,
      kind: row.kind,
      spec: unpack(row.spec),
      resumeFrom: row.resume_from === '' ? undefined : row.resume_from,
      token: row.token,
      attempt: row.attempt,
      expireTime: row.lease_expire_time,
      waitedMs: row.waited_ms,
      traceparent: row.traceparent ?? '',
    });
  }
  return answers;
}

export interface LeaseReference {
  readonly name: string;
  readonly token: number;
}

export interface Renewal {
  /** Were cancelled: stop. */
  readonly cancelled: readonly string[];
  /** Another worker holds them now, or they ended: stop. */
  readonly lost: readonly string[];
  /** When the renewed ones expire. */
  readonly expireTime: Date;
}

/**
 * Extends leases. A lease that expired and that nobody took since is held again: the worker was cut off for a while, and its work is still good.
 */
export async function renewLeases(
  database: Database<EvaluatorTables>,
  { worker, leases, leaseMs }: { readonly worker: string; readonly leases: readonly LeaseReference[]; readonly leaseMs: number },
): Promise<Renewal> {
  const names = leases.map(({ name }) => name);
  const { rows } = await sql<{ name: string; lease_expire_time: Date }>`
    UPDATE evaluator.evaluation AS e
    SET state = 'LEASED', lease_expire_time = clock_timestamp() + ${leaseMs} * interval '1 millisecond', not_before = NULL
    FROM unnest(${names}::text[], ${leases.map(({ token }) => token)}::bigint[]) AS held (name, token)
    WHERE e.name = held.name AND e.token = held.token AND e.worker = ${worker} AND e.settled_token < e.token AND e.state IN ('LEASED', 'QUEUED')
    RETURNING e.name, e.lease_expire_time`.execute(database.kysely);
  const renewed = new Set(rows.map(({ name }) => name));
  const rest = names.filter((name) => !renewed.has(name));
  const cancelled = new Set(rest.length === 0 ? [] : await cancelledAmong(database, rest));
  return {
    cancelled: rest.filter((name) => cancelled.has(name)),
    lost: rest.filter((name) => !cancelled.has(name)),
    expireTime: rows[0]?.lease_expire_time ?? (await databaseTime(database, leaseMs)),
  };
}

async function cancelledAmong(database: Database<EvaluatorTables>, names: readonly string[]): Promise<string[]> {
  const rows = await database.kysely.selectFrom('evaluator.evaluation').select('name').where('name', 'in', names).where('state', '=', 'CANCELLED').execute();
  return rows.map(({ name }) => name);
}

async function databaseTime(database: Database<EvaluatorTables>, offsetMs: number): Promise<Date> {
  const { rows } = await sql<{ at: Date }>`SELECT clock_timestamp() + ${offsetMs} * interval '1 millisecond' AS at`.execute(database.kysely);
  return rows[0]!.at;
}
