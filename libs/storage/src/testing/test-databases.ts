import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { Database } from '../database/database.ts';
import { openEmbedded } from '../database/embedded/embedded.ts';
import { openPostgres } from '../database/postgres/postgres.ts';

/** Connection url of a PostgreSQL server that tests may create databases on. */
export const testPostgresUrl = process.env['NAT_TEST_POSTGRES'];
/** `host:port` of a Kafka broker that tests may create topics on. */
export const testKafkaBroker = process.env['NAT_TEST_KAFKA'];

/** A database of its own for one suite; `open` may be called several times for connections of several processes (PGlite: once at a time). */
export interface TestDatabase {
  open(): Promise<Database>;
  /** Connection url, of a server only. */
  readonly url?: string;
  dispose(): Promise<void>;
}

export type TestDatabaseMaker = () => Promise<TestDatabase>;

export async function makePgliteDatabase(): Promise<TestDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'nat-storage-'));
  return {
    open: async () => (await openEmbedded(directory)).database,
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
}

export async function makePostgresDatabase(): Promise<TestDatabase> {
  if (testPostgresUrl === undefined) throw new Error('NAT_TEST_POSTGRES is not set');
  const name = `nat_test_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(testPostgresUrl);
  await onServer(`create database ${name}`);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    open: () => openPostgres({ url: url.href, maxConnections: 8 }),
    dispose: () => onServer(`drop database ${name} with (force)`),
  };
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: testPostgresUrl });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
