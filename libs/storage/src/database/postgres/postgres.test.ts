import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePostgresDatabase, testPostgresUrl, type TestDatabase } from '../../testing/test-databases.ts';
import { until } from '../../testing/until.ts';
import type { AnyTransaction, Database } from '../database.ts';
import { migrate } from '../../migrations/migrate.ts';
import { openPostgres } from './postgres.ts';

const skipped = testPostgresUrl === undefined ? ' (skipped: NAT_TEST_POSTGRES is not set)' : '';

describe.skipIf(testPostgresUrl === undefined)(`postgresql server${skipped}`, () => {
  let home: TestDatabase;
  let database: Database;
  let other: Database;
  beforeAll(async () => {
    home = await makePostgresDatabase();
    database = await home.open();
    other = await home.open();
  });
  afterAll(async () => {
    await database.close();
    await other.close();
    await home.dispose();
  });

  it('wakes listeners of other processes', async () => {
    let woken = 0;
    let last = 0;
    const stop = await other.listen('news', () => (woken += 1));
    const stopLast = await other.listen('last', () => (last += 1));
    woken = 0;
    last = 0;
    database.signal('news');
    database.signal('last');
    await until(() => last > 0); // signals come in order
    expect(woken).toBe(1);
    await stop();
    await stopLast();
  });

  it('gives a lock to one process at a time, and tells a holder that its connection, and so its lock, was lost', async () => {
    const mine = await database.acquireLock('owner');
    await expect(other.acquireLock('owner', AbortSignal.timeout(400))).rejects.toMatchObject({ kind: 'CANCELLED' });
    let lost = 0;
    mine.lost.addEventListener('abort', () => (lost += 1));
    let woken = 0;
    const stop = await database.listen('news', () => (woken += 1));
    woken = 0;
    await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`.execute(other.kysely);
    const theirs = await other.acquireLock('owner', AbortSignal.timeout(30_000));
    await until(() => lost > 0);
    expect(lost).toBe(1);
    await mine.release();
    await theirs.release();
    await until(() => {
      other.signal('news'); // the listening connection comes back
      return woken > 0;
    });
    expect((await sql`select 1 as one`.execute(database.kysely)).rows).toEqual([{ one: 1 }]);
    await stop();
  });

  it('says UNAVAILABLE for a broken connection and DEADLINE_EXCEEDED for a statement that takes too long', async () => {
    await expect(
      database.transaction(async (tx) => {
        const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
        await sql`select pg_terminate_backend(${rows[0]?.pid}::int4)`.execute(other.kysely);
        await until(async () => (await sql`select from pg_stat_activity where pid = ${rows[0]?.pid}::int4`.execute(other.kysely)).rows.length === 0);
        await sql`select 1`.execute(tx);
      }),
    ).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
    await expect(
      database.transaction(async (tx) => {
        await sql`set local statement_timeout = 50`.execute(tx);
        await sql`select pg_sleep(5)`.execute(tx);
      }),
    ).rejects.toMatchObject({ kind: 'DEADLINE_EXCEEDED', reason: 'STATEMENT_TIMEOUT' });
    await expect(openPostgres({ url: 'postgres://test@127.0.0.1:1/none' })).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
  });

  it('stops statements after its own time, and holds no more connections than it may', async () => {
    const strict = await openPostgres({ url: home.url!, maxConnections: 2, statementTimeoutMs: 200, connectTimeoutMs: 10_000 });
    await expect(sql`select pg_sleep(30)`.execute(strict.kysely)).rejects.toMatchObject({ kind: 'DEADLINE_EXCEEDED', reason: 'STATEMENT_TIMEOUT' });
    const pids = await Promise.all(
      Array.from({ length: 12 }, async () => (await sql<{ pid: number }>`select pg_backend_pid() as pid, pg_sleep(0.02)`.execute(strict.kysely)).rows[0]?.pid),
    );
    expect(new Set(pids).size).toBeLessThanOrEqual(2);
    await strict.close();
  });

  it('runs transactions again that could not be serialized', async () => {
    await sql`create table tally (id int8 primary key, n int8)`.execute(database.kysely);
    await sql`insert into tally values (1, 0)`.execute(database.kysely);
    let attempts = 0;
    const allRead = Promise.withResolvers<undefined>();
    const add = () =>
      database.transaction(
        async (tx) => {
          attempts += 1;
          const { rows } = await sql<{ n: number }>`select n from tally where id = 1`.execute(tx);
          if (attempts === 6) allRead.resolve(undefined);
          await allRead.promise; // so that they meet
          await sql`update tally set n = ${(rows[0]?.n ?? 0) + 1} where id = 1`.execute(tx);
        },
        { isolation: 'serializable', retries: 100 },
      );
    await Promise.all(Array.from({ length: 6 }, add));
    expect((await sql`select n from tally`.execute(database.kysely)).rows).toEqual([{ n: 6 }]);
    expect(attempts).toBeGreaterThan(6);
  });

  it('migrates behind a long transaction without holding up those that come after', async () => {
    const up = (id: string, statement: string) => ({
      id,
      up: async (tx: AnyTransaction) => {
        await sql.raw(statement).execute(tx);
      },
    });
    const first = up('0001-a', 'create table port.ship (id int8)');
    await migrate(database, 'port', [first]);
    const reading = Promise.withResolvers<undefined>();
    const finish = Promise.withResolvers<undefined>();
    const long = other.transaction(async (tx) => {
      await sql`select * from port.ship`.execute(tx);
      reading.resolve(undefined);
      await finish.promise;
    });
    await reading.promise;
    const migrating = migrate(database, 'port', [first, up('0002-b', 'alter table port.ship add column name text')]);
    await until(async () => (await sql`select from pg_locks where relation = 'port.ship'::regclass and not granted`.execute(other.kysely)).rows.length > 0);
    const { rows } = await sql<{ n: number }>`select 1 as n from (select count(*) from port.ship) as ships`.execute(other.kysely);
    expect(rows).toEqual([{ n: 1 }]); // behind the waiting migration, which gives way
    finish.resolve(undefined);
    await long;
    expect(await migrating).toEqual(['0002-b']);
  });

  it('runs deadlocked transactions again, and gives up with ABORTED', async () => {
    await sql`create table pair (id int8 primary key, n int8)`.execute(database.kysely);
    await sql`insert into pair values (1, 0), (2, 0)`.execute(database.kysely);
    let holding = 0;
    const bothHold = Promise.withResolvers<undefined>();
    const crossed = (first: number, second: number) =>
      database.transaction(async (tx) => {
        await sql`update pair set n = n + 1 where id = ${first}`.execute(tx);
        if ((holding += 1) === 2) bothHold.resolve(undefined);
        await bothHold.promise;
        await sql`update pair set n = n + 1 where id = ${second}`.execute(tx);
      });
    await Promise.all([crossed(1, 2), crossed(2, 1)]);
    expect((await sql`select n from pair order by id`.execute(database.kysely)).rows).toEqual([{ n: 2 }, { n: 2 }]);
    let attempts = 0;
    await expect(
      database.transaction(
        async (tx) => {
          attempts += 1;
          await sql`do $$ begin raise exception sqlstate '40001'; end $$`.execute(tx);
        },
        { retries: 2 },
      ),
    ).rejects.toMatchObject({ kind: 'ABORTED', reason: 'TRANSACTION_CONTENTION' });
    expect(attempts).toBe(3);
  });
});
