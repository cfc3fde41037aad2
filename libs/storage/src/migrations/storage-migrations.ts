import { sql } from 'kysely';
import type { AnyDatabase } from '../database/database.ts';
import { migrateSchemas, type Migration, type MigrationMode, type ServiceSchema } from './migrate.ts';

/** The tables of this package, in the PostgreSQL schema `storage` of every database that publishes or counts messages. */
const storageMigrations: readonly Migration[] = [
  {
    id: '0001-stream',
    async up(tx) {
      // A row's place in commit order is (xid, position): positions alone are taken before the commit, and a reader that passed 7 would never see a 6 committed later.
      await sql`create table storage.outbox (
        topic text not null,
        xid xid8 not null default pg_current_xact_id(),
        position int8 not null generated always as identity,
        key text not null,
        id text not null,
        payload bytea not null,
        created_at timestamptz not null default clock_timestamp(),
        primary key (topic, xid, position))`.execute(tx);
      await sql`create table storage.stream_cursor (
        topic text not null,
        consumer_group text not null,
        xid xid8 not null default '0',
        position int8 not null default 0,
        moved_at timestamptz not null default clock_timestamp(),
        primary key (topic, consumer_group))`.execute(tx);
      await sql`create table storage.dead_letter (
        topic text not null,
        consumer_group text not null,
        id text not null,
        key text not null,
        payload bytea not null,
        reason text not null,
        received_at timestamptz not null default clock_timestamp(),
        primary key (topic, consumer_group, id))`.execute(tx);
      // Nothing reads or writes it any more; it goes with a contract migration once no process does that prunes it.
      await sql`create table storage.inbox (
        consumer text not null,
        id text not null,
        received_at timestamptz not null default clock_timestamp(),
        primary key (consumer, id))`.execute(tx);
    },
  },
  {
    id: '0002-versioned-topics',
    async up(tx) {
      for (const table of ['outbox', 'stream_cursor', 'dead_letter']) {
        await sql`update storage.${sql.id(table)} set topic = 'evaluation-outcomes.v1' where topic = 'evaluation-outcomes'`.execute(tx);
      }
    },
  },
  {
    id: '0003-housekeeping',
    async up(tx) {
      await sql`create table storage.housekeeping (name text primary key, ran_at timestamptz not null)`.execute(tx);
      await sql`create table storage.identity (id text primary key)`.execute(tx);
      await sql`insert into storage.identity (id) values (replace(gen_random_uuid()::text, '-', ''))`.execute(tx);
      await sql`create index inbox_age on storage.inbox (received_at)`.execute(tx);
    },
  },
  {
    id: '0004-traceparent',
    async up(tx) {
      await sql`alter table storage.outbox add column traceparent text`.execute(tx);
    },
  },
  {
    // Messages of pairs and of flat specifications, whose topics nobody relays or reads any more: searches ask the evaluator for outcomes they have not heard of.
    id: '0005-outcomes-of-candidates',
    kind: 'contract',
    async up(tx) {
      const before = ['evaluation-outcomes.v1', 'evaluation-observations.v1', 'search-events.v1'];
      for (const table of ['outbox', 'stream_cursor']) await sql`delete from storage.${sql.id(table)} where topic = any (${before})`.execute(tx);
    },
  },
];

export const STORAGE_SCHEMA: ServiceSchema = { service: 'storage', migrations: storageMigrations };

/** Creates what is missing of the tables of this package. */
export async function migrateStorage(database: AnyDatabase, mode: MigrationMode = 'start'): Promise<void> {
  await migrateSchemas(database, [STORAGE_SCHEMA], mode);
}
