import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePostgresDatabase, testPostgresUrl, type TestDatabase } from '../testing/test-databases.ts';
import { until } from '../testing/until.ts';
import type { Database } from './database.ts';
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
    const stop = await other.listen('news', () => (woken += 1));
    await pause(50);
    woken = 0;
    database.signal('news');
    await until(() => woken > 0);
    await pause(50);
    expect(woken).toBe(1);
    await stop();
  });

  it('gives a lock to one process at a time, and tells a holder that its connection, and so its lock, was lost', async () => {
    const mine = await database.acquireLock('owner');
    await expect(other.acquireLock('owner', AbortSignal.timeout(400))).rejects.toMatchObject({ kind: 'CANCELLED' });
    let lost = 0;
    mine.lost.addEventListener('abort', () => (lost += 1));
    let woken = 0;
    const stop = await database.listen('news', () => (woken += 1));
    await pause(50);
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
        await pause(50);
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

  it('runs deadlocked transactions again, and gives up with ABORTED', async () => {
    await sql`create table pair (id int8 primary key, n int8)`.execute(database.kysely);
    await sql`insert into pair values (1, 0), (2, 0)`.execute(database.kysely);
    const crossed = (first: number, second: number) =>
      database.transaction(async (tx) => {
        await sql`update pair set n = n + 1 where id = ${first}`.execute(tx);
        await pause(20);
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
