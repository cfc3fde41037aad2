import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbedded, openPostgres, type Database } from '@nat/storage';
import { sql } from 'kysely';

/** Connection url of a PostgreSQL server that tests may create databases on. */
const postgresUrl = process.env['NAT_TEST_POSTGRES'];

/** A database of its own for one suite. */
export interface TestDatabase {
  readonly database: Database;
  readonly dispose: () => Promise<void>;
}

async function embedded(): Promise<TestDatabase> {
  const directory = await mkdtemp(join(tmpdir(), 'nat-searches-db-'));
  const { database } = await openEmbedded(directory);
  return {
    database,
    dispose: async () => {
      await database.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function postgres(): Promise<TestDatabase> {
  if (postgresUrl === undefined) throw new Error('NAT_TEST_POSTGRES is not set');
  const name = `nat_test_${randomUUID().replaceAll('-', '')}`;
  const server = await openPostgres({ url: postgresUrl, maxConnections: 1 });
  await sql.raw(`CREATE DATABASE ${name}`).execute(server.kysely);
  const url = new URL(postgresUrl);
  url.pathname = `/${name}`;
  const database = await openPostgres({ url: url.href, maxConnections: 6 });
  return {
    database,
    dispose: async () => {
      await database.close();
      await sql.raw(`DROP DATABASE ${name} WITH (FORCE)`).execute(server.kysely);
      await server.close();
    },
  };
}

/** What suites run on; why one is left out stands in its title. */
export const testDatabases = [
  { title: 'the embedded database', skip: false, open: embedded },
  { title: postgresUrl === undefined ? 'PostgreSQL (skipped: NAT_TEST_POSTGRES is not set)' : 'PostgreSQL', skip: postgresUrl === undefined, open: postgres },
];
