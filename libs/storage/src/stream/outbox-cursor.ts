import { sql } from 'kysely';
import type { AnyDatabase } from '../database/database.ts';
import { insertRows } from '../database/insert-rows.ts';
import type { DeadLetter, TopicDeclaration } from './stream.ts';

/** A place in the outbox: everything at or before it has been handled. */
export interface OutboxPlace {
  readonly xid: string;
  readonly position: number;
}

export interface OutboxRow extends OutboxPlace {
  readonly key: string;
  readonly id: string;
  readonly payload: Uint8Array;
  readonly traceparent: string | null;
}

const BATCH_BYTES = 8 * 1024 * 1024;

/** Where the group stands; its cursor is made when the stream opens. */
export async function readCursor(database: AnyDatabase, topic: string, group: string): Promise<OutboxPlace> {
  const { rows } = await sql<OutboxPlace>`select xid, position from storage.stream_cursor where topic = ${topic} and consumer_group = ${group}`.execute(
    database.kysely,
  );
  return rows[0] ?? { xid: '0', position: 0 };
}

/**
 * The next rows after a place, in commit order. Rows of transactions younger than the oldest open one stay hidden until that one ends: it may still
 * commit rows that belong before them.
 */
export async function readAfter(database: AnyDatabase, topic: string, place: OutboxPlace, limit: number): Promise<readonly OutboxRow[]> {
  const { rows } = await sql<OutboxRow>`
    select xid, position, key, id, payload, traceparent from (
      select *, sum(octet_length(payload)) over (order by xid, position) - octet_length(payload) as bytes_before from (
        select xid, position, key, id, payload, traceparent from storage.outbox
        where topic = ${topic} and (xid, position) > (${place.xid}::xid8, ${place.position}::int8) and xid < pg_snapshot_xmin(pg_current_snapshot())
        order by xid, position limit ${limit}::int8
      ) as next_rows
    ) as measured where bytes_before < ${BATCH_BYTES}::int8 order by xid, position`.execute(database.kysely);
  return rows;
}

/** Moves the cursor on, never back: a former owner of the group that was paused may still report. Stores dead letters with the same commit. */
export async function acknowledge(database: AnyDatabase, topic: string, group: string, place: OutboxPlace, deadLetters: readonly DeadLetter[]): Promise<void> {
  const move = sql`update storage.stream_cursor set xid = ${place.xid}::xid8, position = ${place.position}::int8, moved_at = clock_timestamp()
    where topic = ${topic} and consumer_group = ${group} and (xid, position) < (${place.xid}::xid8, ${place.position}::int8)`;
  if (deadLetters.length === 0) {
    await move.execute(database.kysely);
    return;
  }
  await database.transaction(async (tx) => {
    await insertRows(tx, {
      table: 'storage.dead_letter',
      columns: { topic: 'text', consumer_group: 'text', id: 'text', key: 'text', payload: 'bytea', reason: 'text' },
      rows: deadLetters.map(({ topic, group, id, key, payload, reason }) => ({ topic, consumer_group: group, id, key, payload, reason })),
      onConflict: 'ignore',
    });
    await move.execute(tx);
  });
}

/** Makes the cursors of all declared groups, so that nothing is pruned before a group that has not appeared yet. */
export async function createCursors(database: AnyDatabase, topics: readonly TopicDeclaration[]): Promise<void> {
  const rows = topics.flatMap(({ name, groups }) => groups.map((group) => ({ topic: name, consumer_group: group })));
  await insertRows(database.kysely, { table: 'storage.stream_cursor', columns: { topic: 'text', consumer_group: 'text' }, rows, onConflict: 'ignore' });
}

/**
 * After a logical restore into another server, stored transaction numbers lie in the future of that server, and new rows would sort before the cursors.
 * Then every row and cursor starts again at the beginning: messages come again, none is lost.
 */
export async function repairAfterRestore(database: AnyDatabase): Promise<boolean> {
  return await database.transaction(async (tx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('nat outbox repair', 0))`.execute(tx);
    // What this snapshot can see committed before it, so below its xmax.
    const { rows } = await sql<{ foreign_rows: boolean }>`select
      exists (select from storage.stream_cursor where xid >= pg_snapshot_xmax(pg_current_snapshot()))
      or exists (select from storage.outbox where xid >= pg_snapshot_xmax(pg_current_snapshot())) as foreign_rows`.execute(tx);
    if (rows[0]?.foreign_rows !== true) return false;
    await sql`update storage.outbox set xid = '0'`.execute(tx);
    await sql`update storage.stream_cursor set xid = '0', position = 0`.execute(tx);
    return true;
  });
}

/**
 * Deletes up to `limit` rows of a topic that every declared group has passed, if there is any, and that are older than `keepMs`, or that are older than the retention.
 * Returns how many went.
 */
export async function pruneTopic(database: AnyDatabase, topic: TopicDeclaration, keepMs: number, retentionMs: number, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    with passed as (
      select xid, position from storage.stream_cursor where topic = ${topic.name} and consumer_group = any(${topic.groups}::text[]) order by xid, position limit 1
    )
    delete from storage.outbox where ctid = any(array(
      select o.ctid from storage.outbox as o left join passed on true
      where o.topic = ${topic.name} and (
        ((${topic.groups.length === 0}::bool or (o.xid, o.position) <= (passed.xid, passed.position)) and o.created_at < clock_timestamp() - ${keepMs}::float8 * interval '1 millisecond')
        or o.created_at < clock_timestamp() - ${retentionMs}::float8 * interval '1 millisecond')
      order by o.xid, o.position limit ${limit}::int8))`.execute(database.kysely);
  return Number(numAffectedRows ?? 0n);
}
