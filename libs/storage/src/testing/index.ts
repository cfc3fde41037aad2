/** Databases for the suites of services: the embedded one, and the server that NAT_TEST_POSTGRES names. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import type { Database } from '../database/database.ts';
import { openEmbedded } from '../database/embedded/embedded.ts';
import { openPostgres } from '../database/postgres/postgres.ts';

/** Connection url of a PostgreSQL server that tests may create databases on. */
const testPostgresUrl = process.env['NAT_TEST_POSTGRES'];

/** A database of its own; `connect` gives a further connection, as another replica has (the same one where the database is embedded). */
export interface TestDatabase {
  readonly database: Database;
  readonly connect: () => Promise<Database>;
  readonly dispose: () => Promise<void>;
}

export async function embeddedDatabase(): Promise<TestDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'nat-test-'));
  const { database } = await openEmbedded(directory);
  return {
    database,
    connect: () => Promise.resolve(database),
    dispose: async () => {
      await database.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function postgresDatabase(): Promise<TestDatabase> {
  if (testPostgresUrl === undefined) throw new Error('NAT_TEST_POSTGRES is not set');
  const name = `nat_test_${randomUUID().replaceAll('-', '')}`;
  const server = await openPostgres({ url: testPostgresUrl, maxConnections: 1 });
  await sql.raw(`CREATE DATABASE ${name}`).execute(server.kysely);
  const url = new URL(testPostgresUrl);
  url.pathname = `/${name}`;
  const opened: Database[] = [];
  const connect = async (): Promise<Database> => {
    const database = await openPostgres({ url: url.href, maxConnections: 6 });
    opened.push(database);
    return database;
  };
  return {
    database: await connect(),
    connect,
    dispose: async () => {
      for (const database of opened) await database.close();
      await sql.raw(`DROP DATABASE ${name} WITH (FORCE)`).execute(server.kysely);
      await server.close();
    },
  };
}

/** The databases that suites run on; the reason why one is left out stands in its title. */
export const testDatabases = [
  { title: 'embedded', skip: false, open: embeddedDatabase },
  {
    title: testPostgresUrl === undefined ? 'PostgreSQL (skipped: NAT_TEST_POSTGRES is not set)' : 'PostgreSQL',
    skip: testPostgresUrl === undefined,
    open: postgresDatabase,
  },
];

export { readDeadLetters } from './dead-letters.ts';
export { findDestructive } from './expand-contract.ts';
