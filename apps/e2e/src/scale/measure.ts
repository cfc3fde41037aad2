/** What is read off the cluster: rates and lags by the database's commit times, memory by the kernel, bytes by the servers. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { OUTCOME_TOPIC } from '@nat/storage';
import type { Cluster } from '../../../../tools/cluster/cluster.mjs';

/** The value below which so many of the values lie; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;
}

/** Seconds of an outcome's way, and when outcomes were stored, by PostgreSQL's commit timestamps. */
export interface Window {
  /** The last of them, counted from 1. */
  readonly stored: number;
  readonly evaluationsPerSecond: number;
  readonly lagP50Ms: number;
  readonly lagP99Ms: number;
}

/**
 * Rates and lags of the outcomes from one count to the next. A row of the queue is last written by the transaction that stores its outcome, one of the
 * learner's by the transaction that takes it in: the time between the two commits is the lag.
 * @param since when the run began, milliseconds of the epoch by the database's clock
 */
export async function readWindows(
  database: pg.Pool,
  search: string,
  since: number,
  ends: readonly { readonly from: number; readonly to: number }[],
): Promise<Window[]> {
  const { rows } = await database.query<{ stored: number; received: number | null }>(
    `select extract(epoch from pg_xact_commit_timestamp(e.xmin))::float8 * 1000 as stored,
       case when p.state = 'PENDING' then null else extract(epoch from pg_xact_commit_timestamp(p.xmin))::float8 * 1000 end as received
     from evaluator.evaluation e join policy.evaluation p on p.name = e.name
     where e.search = $1 and e.outcome is not null order by 1`,
    [search],
  );
  return ends.map(({ from, to }) => {
    const part = rows.slice(from, to);
    const begin = from === 0 ? since : (rows[from - 1]?.stored ?? NaN);
    const lags = part.flatMap(({ stored, received }) => (received === null ? [] : [received - stored]));
    return {
      stored: to,
      evaluationsPerSecond: (1000 * part.length) / ((part.at(-1)?.stored ?? NaN) - begin),
      lagP50Ms: quantile(lags, 0.5),
      lagP99Ms: quantile(lags, 0.99),
    };
  });
}

export async function databaseNow(database: pg.Pool): Promise<number> {
  const { rows } = await database.query<{ now: number }>('select extract(epoch from clock_timestamp())::float8 * 1000 as now');
  return rows[0]?.now ?? NaN;
}

/** Bytes that the servers keep, indexes and not yet reused space included. */
export interface Stored {
  readonly queueBytes: number;
  readonly inboxBytes: number;
  readonly outboxBytes: number;
  readonly topicBytes: number;
  readonly logBytes: number;
}

export async function readStored(database: pg.Pool, cluster: Cluster): Promise<Stored> {
  const { rows } = await database.query<Record<'queue' | 'inbox' | 'outbox' | 'log', string>>(
    `select pg_total_relation_size('evaluator.evaluation') as queue, pg_total_relation_size('storage.outbox') as outbox,
       pg_total_relation_size('policy.evaluation') + pg_total_relation_size('policy.outcome') as inbox, pg_current_wal_lsn() - '0/0'::pg_lsn as log`,
  );
  const { queue, inbox, outbox, log } = rows[0] ?? {};
  return { queueBytes: Number(queue), inboxBytes: Number(inbox), outboxBytes: Number(outbox), logBytes: Number(log), topicBytes: topicBytes(cluster) };
}

function topicBytes({ dir }: Cluster): number {
  const data = join(dir, 'kafka', 'data');
  const partitions = readdirSync(data).filter((name) => name.replace(/-\d+$/, '') === OUTCOME_TOPIC.name);
  const logs = partitions.flatMap((name) =>
    readdirSync(join(data, name))
      .filter((file) => file.endsWith('.log'))
      .map((file) => join(data, name, file)),
  );
  return logs.reduce((sum, file) => sum + statSync(file).size, 0);
}

/** Resident memory of each member, bytes, by its name; of PostgreSQL the proportional share of all its processes. */
export function readMemory({ members }: Cluster): ReadonlyMap<string, number> {
  return new Map(
    members.map(({ name, kind, program }) => {
      const pid = program.pid();
      if (pid === undefined) return [name, NaN];
      return [
        name,
        kind === 'postgres' ? [pid, ...childrenOf(pid)].reduce((sum, one) => sum + kib(one, 'smaps_rollup', 'Pss'), 0) : kib(pid, 'status', 'VmRSS'),
      ];
    }),
  );
}

function kib(pid: number, file: string, field: string): number {
  try {
    return 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // a session that ended meanwhile
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))?.[1]) === parent;
      } catch {
        return false;
      }
    })
    .map(Number);
}
