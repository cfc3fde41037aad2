/** What is done again and again for a database, by one process at a time: old rows go, and blobs that nothing names. */
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import type { BlobKey, BlobStore } from './blobs/blob-store.ts';
import type { AnyDatabase, HeldLock } from './database/database.ts';
import { runAsLeader } from './database/leader.ts';

/** How long things are kept. */
export interface HousekeepingConfig {
  /** How often, over all processes together. @default 1 h */
  readonly everyMs: number;
  /** Rows that nothing needs any more go after this. Longer than messages live (7 days), so that nothing that is still under way counts as new. @default 30 days */
  readonly retentionMs: number;
  /** Blobs that no row names stay for so long after they were put. @default 24 h */
  readonly blobGraceMs: number;
}

const HOUR_MS = 3_600_000;

export const DEFAULT_HOUSEKEEPING: HousekeepingConfig = { everyMs: HOUR_MS, retentionMs: 30 * 24 * HOUR_MS, blobGraceMs: 24 * HOUR_MS };

export interface HousekeepingOptions {
  /** Names the work among all that is done for the database. */
  readonly name: string;
  readonly everyMs: number;
  /** One run. Its errors go to `onError`, and the next run comes as if there had been none. */
  readonly work: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Between two looks whether it is time. */
const LONGEST_LOOK_MS = 60_000;

/** Starts doing it, on migrated tables; `close` waits for a run under way. The first run comes when the last one, of whichever process, is `everyMs` ago. */
export function startHousekeeping(database: AnyDatabase, { name, everyMs, work, onError }: HousekeepingOptions): { readonly close: () => Promise<void> } {
  const stop = new AbortController();

  const runWithLock = async (lock: HeldLock): Promise<void> => {
    const ended = AbortSignal.any([stop.signal, lock.lost]);
    const over = (): boolean => ended.aborted;
    while (!over()) {
      await pause(Math.min(everyMs, LONGEST_LOOK_MS), undefined, { signal: ended, ref: false }).catch(() => undefined);
      if (over() || !(await isTime(database, name, everyMs))) continue;
      await work().catch(onError);
      await noteRun(database, name);
    }
  };

  const running = runAsLeader(database, `housekeeping/${name}`, stop.signal, runWithLock, async (error) => {
    onError(error);
    await pause(Math.min(everyMs, LONGEST_LOOK_MS), undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
  }).catch(onError);
  return {
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

async function isTime(database: AnyDatabase, name: string, everyMs: number): Promise<boolean> {
  const { rows } = await sql`select from storage.housekeeping
    where name = ${name} and ran_at > clock_timestamp() - ${everyMs}::float8 * interval '1 millisecond'`.execute(database.kysely);
  return rows.length === 0;
}

async function noteRun(database: AnyDatabase, name: string): Promise<void> {
  await sql`insert into storage.housekeeping (name, ran_at) values (${name}, clock_timestamp())
    on conflict (name) do update set ran_at = excluded.ran_at`.execute(database.kysely);
}

/** Rows of one statement: more would hold its locks for long. */
const ROWS_A_STATEMENT = 1_000;

/** Repeats a statement that deletes at most `limit` rows until it finds fewer; returns how many went. */
export async function deleteInBatches(deleteSome: (limit: number) => Promise<number>, limit = ROWS_A_STATEMENT): Promise<number> {
  let all = 0;
  for (;;) {
    const went = await deleteSome(limit);
    all += went;
    if (went < limit) return all;
  }
}

/** Deletes messages that were set aside, after the retention; returns how many went. */
export function pruneDeadLetters(database: AnyDatabase, retentionMs: number): Promise<number> {
  return deleteInBatches(async (limit) => {
    const { numAffectedRows } = await sql`delete from storage.dead_letter where ctid = any(array(
      select ctid from storage.dead_letter where received_at < clock_timestamp() - ${retentionMs}::float8 * interval '1 millisecond' limit ${limit}::int8))`.execute(
      database.kysely,
    );
    return Number(numAffectedRows ?? 0n);
  });
}

/** Publishes what the rows of a service name. `read` sees all of them at one moment. */
export async function publishReferences(
  database: AnyDatabase,
  { blobs, service, read }: { readonly blobs: BlobStore; readonly service: string; readonly read: () => Promise<ReadonlySet<BlobKey>> },
): Promise<void> {
  const takenAt = new Date();
  const keys = await read();
  await blobs.publishReferences({ owner: `${service}-${await identityOf(database)}`, takenAt, keys });
}

/** Tells apart databases whose services use one blob store. */
async function identityOf(database: AnyDatabase): Promise<string> {
  const { rows } = await sql<{ id: string }>`select id from storage.identity`.execute(database.kysely);
  return rows[0]!.id;
}
