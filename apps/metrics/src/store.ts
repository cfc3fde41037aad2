import { DomainError } from '@nat/base/errors';
import { insertRows, type Database } from '@nat/storage';
import { sql } from 'kysely';
import type { MetricsTables } from './tables.ts';

export interface MetricPoint {
  readonly run: string;
  readonly metric: string;
  readonly step: number;
  readonly value: number;
  readonly time: Date;
}

/** Signalled with every record. */
export const POINTS_CHANNEL = 'metrics_points';

const namespaceOf = (run: string): string => run.split('/').slice(0, 2).join('/');

/**
 * Stores points; the first value of a (run, metric, step) stays. Positions of a run follow the order of commits: a writer holds the run's row from
 * taking its positions to its commit.
 * @returns how many were new
 */
export async function recordPoints(database: Database<MetricsTables>, points: readonly MetricPoint[]): Promise<number> {
  const byRun = new Map<string, MetricPoint[]>();
  for (const point of points) {
    const group = byRun.get(point.run);
    if (group === undefined) byRun.set(point.run, [point]);
    else group.push(point);
  }
  // Sorted, so that two writers of the same runs lock them in the same order.
  const names = [...byRun.keys()].sort();
  const recorded = await database.transaction(async (tx) => {
    await insertRows(tx, {
      table: 'metrics.run',
      columns: { name: 'text', namespace: 'text' },
      rows: names.map((name) => ({ name, namespace: namespaceOf(name) })),
      onConflict: 'ignore',
    });
    const { rows: runs } = await sql<{ id: number; name: string; position: number }>`
      SELECT id, name, position FROM metrics.run WHERE name = ANY (${names}::text[]) ORDER BY name FOR UPDATE`.execute(tx);
    let count = 0;
    for (const { id, name, position } of runs) count += await recordRun(tx, { id, position, points: byRun.get(name) ?? [] });
    return count;
  });
  if (recorded > 0) database.signal(POINTS_CHANNEL);
  return recorded;
}

async function recordRun(
  tx: Parameters<Parameters<Database<MetricsTables>['transaction']>[0]>[0],
  { id, position, points }: { readonly id: number; readonly position: number; readonly points: readonly MetricPoint[] },
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    WITH added AS (
      INSERT INTO metrics.point (run, metric, step, value, time, position)
      SELECT ${id}::bigint, p.metric, p.step, p.value, p.time, ${position}::bigint + p.place
      FROM unnest(
        ${points.map(({ metric }) => metric)}::text[], ${points.map(({ step }) => step)}::bigint[], ${points.map(({ value }) => value)}::float8[],
        ${points.map(({ time }) => time)}::timestamptz[]
      ) WITH ORDINALITY AS p (metric, step, value, time, place)
      ON CONFLICT DO NOTHING
      RETURNING metric, step, value, time
    ), summed AS (
      INSERT INTO metrics.series AS s (run, metric, count, last_step, last_value, last_time, min_value, max_value)
      SELECT ${id}::bigint, metric, count(*), max(step), (array_agg(value ORDER BY step DESC))[1], (array_agg(time ORDER BY step DESC))[1], min(value), max(value)
      FROM added GROUP BY metric
      ON CONFLICT (run, metric) DO UPDATE SET
        count = s.count + excluded.count,
        last_value = CASE WHEN excluded.last_step > s.last_step THEN excluded.last_value ELSE s.last_value END,
        last_time = CASE WHEN excluded.last_step > s.last_step THEN excluded.last_time ELSE s.last_time END,
        last_step = greatest(s.last_step, excluded.last_step),
        min_value = least(s.min_value, excluded.min_value),
        max_value = greatest(s.max_value, excluded.max_value)
    ), moved AS (
      UPDATE metrics.run SET position = position + ${points.length}, update_time = clock_timestamp() WHERE id = ${id} AND EXISTS (SELECT FROM added)
    )
    SELECT count(*) AS count FROM added`.execute(tx);
  return rows[0]?.count ?? 0;
}

/**
 * Deletes series of a run, all of them where no metrics are named. The run keeps its row, so that positions go on rising and no watch of it waits for ever.
 * @returns how many there were
 */
export async function deleteSeries(
  database: Database<MetricsTables>,
  { run, metrics }: { readonly run: string; readonly metrics: readonly string[] },
): Promise<number> {
  return database.transaction(async (tx) => {
    const { rows } = await sql<{ id: number }>`SELECT id FROM metrics.run WHERE name = ${run} FOR UPDATE`.execute(tx);
    const [row] = rows;
    if (row === undefined) return 0;
    const named = metrics.length === 0 ? sql`` : sql`AND metric = ANY (${metrics}::text[])`;
    await sql`DELETE FROM metrics.point WHERE run = ${row.id} ${named}`.execute(tx);
    const deleted = await sql`DELETE FROM metrics.series WHERE run = ${row.id} ${named}`.execute(tx);
    return Number(deleted.numAffectedRows ?? 0n);
  });
}

export interface PointQuery {
  readonly run: string;
  /** Empty: all. */
  readonly metrics: readonly string[];
  readonly minStep?: number | undefined;
  readonly maxStep?: number | undefined;
  readonly after: { readonly metric: string; readonly step: number };
  readonly limit: number;
}

/** Points of a run by metric and step; none for a run that has none yet. */
export async function queryPoints(database: Database<MetricsTables>, query: PointQuery): Promise<MetricPoint[]> {
  const { rows } = await sql<MetricPoint>`
    SELECT r.name AS run, p.metric, p.step, p.value, p.time
    FROM metrics.run AS r JOIN metrics.point AS p ON p.run = r.id
    WHERE r.name = ${query.run} AND (p.metric, p.step) > (${query.after.metric}, ${query.after.step}::bigint)
      ${query.metrics.length === 0 ? sql`` : sql`AND p.metric = ANY (${query.metrics}::text[])`}
      ${query.minStep === undefined ? sql`` : sql`AND p.step >= ${query.minStep}`}
      ${query.maxStep === undefined ? sql`` : sql`AND p.step <= ${query.maxStep}`}
    ORDER BY p.metric, p.step LIMIT ${query.limit}`.execute(database.kysely);
  return rows;
}

export interface PositionedPoint extends MetricPoint {
  readonly position: number;
}

/** Points of a run recorded behind a position, in the order in which they were recorded. */
export async function pointsBehind(
  database: Database<MetricsTables>,
  { run, metrics, position, limit }: { readonly run: string; readonly metrics: readonly string[]; readonly position: number; readonly limit: number },
): Promise<PositionedPoint[]> {
  const { rows } = await sql<PositionedPoint>`
    SELECT r.name AS run, p.metric, p.step, p.value, p.time, p.position
    FROM metrics.run AS r JOIN metrics.point AS p ON p.run = r.id
    WHERE r.name = ${run} AND p.position > ${position} ${metrics.length === 0 ? sql`` : sql`AND p.metric = ANY (${metrics}::text[])`}
    ORDER BY p.position LIMIT ${limit}`.execute(database.kysely);
  return rows;
}

export interface SeriesSummary {
  readonly metric: string;
  readonly count: number;
  readonly last_step: number;
  readonly last_value: number;
  readonly last_time: Date;
  readonly min_value: number;
  readonly max_value: number;
}

export interface RunSummary {
  readonly id: number;
  readonly name: string;
  readonly create_time: Date;
  readonly series: readonly SeriesSummary[];
}

interface RunRow {
  readonly id: number;
  readonly name: string;
  readonly create_time: Date;
}

async function withSeries(database: Database<MetricsTables>, runs: readonly RunRow[]): Promise<RunSummary[]> {
  if (runs.length === 0) return [];
  const ids = runs.map(({ id }) => id);
  const { rows } = await sql<SeriesSummary & { run: number }>`
    SELECT run, metric, count, last_step, last_value, last_time, min_value, max_value FROM metrics.series WHERE run = ANY (${ids}::bigint[])
    ORDER BY run, metric`.execute(database.kysely);
  const byRun = Map.groupBy(rows, ({ run }) => run);
  return runs.map((run) => ({ ...run, series: byRun.get(run.id) ?? [] }));
}

/** One run. @throws DomainError NOT_FOUND RUN_NOT_FOUND */
export async function summarizeRun(database: Database<MetricsTables>, name: string): Promise<RunSummary> {
  const { rows } = await sql<RunRow>`SELECT id, name, create_time FROM metrics.run WHERE name = ${name}`.execute(database.kysely);
  const summary = (await withSeries(database, rows))[0];
  if (summary === undefined || summary.series.length === 0)
    throw new DomainError('NOT_FOUND', `${name} has no metrics`, { reason: 'RUN_NOT_FOUND', metadata: { run: name } });
  return summary;
}

/** Runs of a namespace that have series, newest first, those older than `beforeId`. */
export async function summarizeRuns(
  database: Database<MetricsTables>,
  { namespace, beforeId, limit }: { readonly namespace: string; readonly beforeId: number; readonly limit: number },
): Promise<RunSummary[]> {
  const { rows } = await sql<RunRow>`
    SELECT id, name, create_time FROM metrics.run AS r
    WHERE namespace = ${namespace} AND id < ${beforeId} AND EXISTS (SELECT FROM metrics.series WHERE run = r.id)
    ORDER BY id DESC LIMIT ${limit}`.execute(database.kysely);
  return withSeries(database, rows);
}

/** The runs written to last, within the time. */
export async function recentRuns(
  database: Database<MetricsTables>,
  { withinMs, limit }: { readonly withinMs: number; readonly limit: number },
): Promise<RunSummary[]> {
  const { rows } = await sql<RunRow>`
    SELECT id, name, create_time FROM metrics.run WHERE update_time > clock_timestamp() - ${withinMs} * interval '1 millisecond'
    ORDER BY update_time DESC LIMIT ${limit}`.execute(database.kysely);
  return withSeries(database, rows);
}
