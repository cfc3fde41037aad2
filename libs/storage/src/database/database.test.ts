import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePgliteDatabase, makePostgresDatabase, testPostgresUrl, type TestDatabase, type TestDatabaseMaker } from '../testing/test-databases.ts';
import { until } from '../testing/until.ts';
import { isUniqueViolation } from './database-errors.ts';
import type { Database } from './database.ts';
import { insertNewRows, insertRows, json } from './insert-rows.ts';
import { migrate, type Migration } from '../migrations/migrate.ts';
import { inTransaction, signalAfterCommit } from './transaction-scope.ts';

interface Tables {
  'shop.item': { id: number; name: string };
}

const migrations: readonly Migration[] = [
  {
    id: '0001-item',
    up: async (tx) => {
      await sql`create table shop.item (id int8 primary key, name text not null)`.execute(tx);
    },
  },
];

describeDatabase('pglite', makePgliteDatabase);
describeDatabase('postgresql', makePostgresDatabase, testPostgresUrl === undefined ? 'NAT_TEST_POSTGRES is not set' : undefined);

/** What every implementation of the database port does. */
function describeDatabase(name: string, make: TestDatabaseMaker, skipReason?: string): void {
  describe.skipIf(skipReason !== undefined)(`database: ${name}${skipReason === undefined ? '' : ` (skipped: ${skipReason})`}`, () => {
    let home: TestDatabase;
    let database: Database<Tables>;

    beforeAll(async () => {
      home = await make();
      database = (await home.open()).as<Tables>();
      await migrate(database, 'shop', migrations);
    });
    afterAll(async () => {
      await database.close();
      await home.dispose();
    });

    it('returns the same JavaScript values', async () => {
      const { rows } =
        await sql`select 9007199254740991::int8 as i8, 7::int4 as i4, count(*) as n, sum(x) as total, 1.25::numeric as num, 0.1::float8 as f8, 0.1::float4 as f4,
        true as yes, 'NaN'::float8 as nan, null::int8 as nothing, '\\x00ff10'::bytea as bytes, '2026-01-31 12:00:00.123456+02'::timestamptz as at, '2026-01-31'::date as day,
        '{"a":[1,null]}'::jsonb as doc, '[1]'::json as list, array[1,2]::int8[] as ints, array['a b','"q"',null,'{}'] as texts, array[[1,2],[3,4]] as grid,
        '5b3fdc0e-5a0c-4a9d-9d5c-000000000001'::uuid as id from (values (1::int8), (2)) as v(x)`.execute(database.kysely);
      expect(rows).toStrictEqual([
        {
          i8: 9007199254740991,
          i4: 7,
          n: 2,
          total: 3,
          num: 1.25,
          f8: 0.1,
          f4: 0.1,
          yes: true,
          nan: NaN,
          nothing: null,
          bytes: new Uint8Array([0, 255, 16]),
          at: new Date('2026-01-31T10:00:00.123Z'),
          day: '2026-01-31',
          doc: { a: [1, null] },
          list: [1],
          ints: [1, 2],
          texts: ['a b', '"q"', null, '{}'],
          grid: [
            [1, 2],
            [3, 4],
          ],
          id: '5b3fdc0e-5a0c-4a9d-9d5c-000000000001',
        },
      ]);
    });

    it('takes the same parameters', async () => {
      const at = new Date('2026-01-31T10:00:00.123Z');
      const bytes = new Uint8Array([0, 92, 120, 255]);
      const text = `it's "quoted" \\ {a,b} \n é 漢`;
      const { rows } =
        await sql`select ${9007199254740993n}::int8 = 9007199254740993 as big, ${-1.5e-300}::float8 as f8, ${text}::text as text, ${bytes}::bytea as bytes, ${at}::timestamptz as at,
        ${false}::bool as no, ${null}::text as nothing, ${['a', text, null]}::text[] as texts, ${[bytes]}::bytea[] as blobs, ${json([1, { a: 'b' }])} as doc, ${{ a: [1] }}::jsonb as object`.execute(
          database.kysely,
        );
      expect(rows).toStrictEqual([
        {
          big: true,
          f8: -1.5e-300,
          text,
          bytes,
          at,
          no: false,
          nothing: null,
          texts: ['a', text, null],
          blobs: [bytes],
          doc: [1, { a: 'b' }],
          object: { a: [1] },
        },
      ]);
      await expect(sql`select 9007199254740993::int8 as big`.execute(database.kysely)).rejects.toThrow('beyond 2^53');
      const { rows: after } = await sql`select 1 as one`.execute(database.kysely);
      expect(after).toEqual([{ one: 1 }]);
    });

    it('commits what resolves and rolls back what throws', async () => {
      await database.transaction((tx) => tx.insertInto('shop.item').values({ id: 1, name: 'kept' }).execute());
      await expect(
        database.transaction(async (tx) => {
          await tx.insertInto('shop.item').values({ id: 2, name: 'lost' }).execute();
          throw new Error('no');
        }),
      ).rejects.toThrow('no');
      expect(await database.kysely.selectFrom('shop.item').select('id').where('id', 'in', [1, 2]).execute()).toEqual([{ id: 1 }]);
    });

    it('names a unique violation, and refuses to commit after one', async () => {
      const insert = (id: number) => database.kysely.insertInto('shop.item').values({ id, name: 'x' });
      await insert(10).execute();
      const error: unknown = await insert(10)
        .execute()
        .catch((cause: unknown) => cause);
      expect(isUniqueViolation(error)).toBe(true);
      expect(isUniqueViolation(error, 'item_pkey')).toBe(true);
      expect(isUniqueViolation(error, 'other')).toBe(false);
      await expect(
        database.transaction(async (tx) => {
          await tx.insertInto('shop.item').values({ id: 11, name: 'lost' }).execute();
          await tx
            .insertInto('shop.item')
            .values({ id: 10, name: 'again' })
            .execute()
            .catch(() => undefined);
        }),
      ).rejects.toThrow();
      expect(await database.kysely.selectFrom('shop.item').select('id').where('id', '=', 11).execute()).toEqual([]);
    });

    it('counts affected rows', async () => {
      await database.kysely.insertInto('shop.item').values({ id: 20, name: 'a' }).execute();
      const updated = await database.kysely.updateTable('shop.item').set({ name: 'b' }).where('id', '=', 20).executeTakeFirst();
      expect(updated.numUpdatedRows).toBe(1n);
      const deleted = await database.kysely.deleteFrom('shop.item').where('id', 'in', [20, 21]).executeTakeFirst();
      expect(deleted.numDeletedRows).toBe(1n);
    });

    it('keeps queries outside a transaction out of it', async () => {
      let seenOutside: unknown;
      let outside: Promise<unknown> | undefined;
      const started = Promise.withResolvers<undefined>();
      const asked = Promise.withResolvers<undefined>();
      const outsider = started.promise.then(async () => {
        outside = database.kysely
          .selectFrom('shop.item')
          .select('id')
          .where('id', '=', 30)
          .execute()
          .then((rows) => (seenOutside = rows));
        asked.resolve(undefined);
      });
      await expect(
        database.transaction(async (tx) => {
          await tx.insertInto('shop.item').values({ id: 30, name: 'open' }).execute();
          started.resolve(undefined);
          await asked.promise;
          throw new Error('roll back');
        }),
      ).rejects.toThrow('roll back');
      await outsider;
      await outside;
      expect(seenOutside).toEqual([]);
    });

    it('throws instead of waiting for itself when the outer database is used inside a transaction', async () => {
      const view = database.as<Tables>();
      await expect(database.transaction(() => view.kysely.selectFrom('shop.item').selectAll().execute())).rejects.toMatchObject({
        reason: 'OUTER_DATABASE_IN_TRANSACTION',
      });
      await expect(database.transaction(() => database.transaction(() => Promise.resolve()))).rejects.toMatchObject({
        reason: 'OUTER_DATABASE_IN_TRANSACTION',
      });
      // work left behind by a transaction may go on after it
      let later: Promise<unknown> | undefined;
      const over = Promise.withResolvers<undefined>();
      await database.transaction(async () => {
        later = over.promise.then(() => database.kysely.selectFrom('shop.item').selectAll().execute());
        return Promise.resolve();
      });
      over.resolve(undefined);
      expect(await later).toBeInstanceOf(Array);
    });

    it('signals after the commit only, once however often it was asked', async () => {
      const heard: string[] = [];
      const stops = [await database.listen('committed', () => heard.push('committed')), await database.listen('never', () => heard.push('never'))];
      heard.length = 0;
      expect(inTransaction()).toBe(false);
      await database.transaction(async (tx) => {
        expect(inTransaction()).toBe(true);
        signalAfterCommit('committed');
        signalAfterCommit('committed');
        await sql`select 1`.execute(tx);
        expect(heard).toEqual([]);
      });
      await database
        .transaction(() => {
          signalAfterCommit('never');
          throw new Error('no');
        })
        .catch(() => undefined);
      expect(heard).toEqual(['committed']);
      expect(() => {
        signalAfterCommit('never');
      }).toThrow('only inside');
      for (const stop of stops) await stop();
    });

    it('serves many transactions at once without losing an update', async () => {
      await database.kysely.insertInto('shop.item').values({ id: 40, name: '0' }).execute();
      await Promise.all(
        Array.from({ length: 40 }, () =>
          database.transaction(
            async (tx) => {
              const { name: count } = await tx.selectFrom('shop.item').select('name').where('id', '=', 40).executeTakeFirstOrThrow();
              await tx
                .updateTable('shop.item')
                .set({ name: String(Number(count) + 1) })
                .where('id', '=', 40)
                .execute();
            },
            { isolation: 'serializable', retries: 100 },
          ),
        ),
      );
      expect(await database.kysely.selectFrom('shop.item').select('name').where('id', '=', 40).execute()).toEqual([{ name: '40' }]);
    });

    it('sees changed columns in statements that ran before the change', async () => {
      const select = () => sql`select * from shop.changing`.execute(database.kysely);
      await sql`create table shop.changing (a int8)`.execute(database.kysely);
      await sql`insert into shop.changing values (1)`.execute(database.kysely);
      for (let turn = 0; turn < 8; turn += 1) expect((await select()).rows).toEqual([{ a: 1 }]);
      await database
        .transaction(async (tx) => {
          await sql`alter table shop.changing add column c text default 'c'`.execute(tx);
          for (let turn = 0; turn < 3; turn += 1) expect((await sql`select * from shop.changing`.execute(tx)).rows).toEqual([{ a: 1, c: 'c' }]);
          throw new Error('roll back');
        })
        .catch(() => undefined);
      expect((await select()).rows).toEqual([{ a: 1 }]);
      await sql`alter table shop.changing add column b text default 'b'`.execute(database.kysely);
      expect((await select()).rows).toEqual([{ a: 1, b: 'b' }]);
    });

    it('takes many different statements', async () => {
      for (let turn = 0; turn < 2; turn += 1) {
        for (let index = 0; index < 400; index += 1) {
          const { rows } = await sql<Record<string, number>>`select ${index}::int4 as ${sql.id(`c${String(index)}`)}`.execute(database.kysely);
          expect(rows[0]?.[`c${String(index)}`]).toBe(index);
        }
      }
    });

    it('inserts 50,000 rows at once, and only those that are new', async () => {
      await sql`create table shop.trial (id int8 primary key, search text not null, reward float8, at timestamptz not null, doc jsonb, bytes bytea)`.execute(
        database.kysely,
      );
      const at = new Date('2026-01-31T10:00:00.000Z');
      const columns = { id: 'int8', search: 'text', reward: 'float8', at: 'timestamptz', doc: 'jsonb', bytes: 'bytea' } as const;
      const row = (id: number) => ({
        id,
        search: `s "${String(id)}" \\ {,}`,
        reward: id === 3 ? null : id / 7,
        at,
        doc: id === 4 ? null : [id, 'x'],
        bytes: new Uint8Array([id & 255]),
      });
      const rows = Array.from({ length: 50_000 }, (_, id) => row(id));
      expect(await insertRows(database.kysely, { table: 'shop.trial', columns, rows })).toBe(50_000);
      const { rows: stored } = await sql`select * from shop.trial where id in (3, 4, 49999) order by id`.execute(database.kysely);
      expect(stored).toEqual([row(3), row(4), row(49_999)]);
      const fresh = await database.transaction((tx) =>
        insertNewRows(tx, { table: 'shop.trial', columns, rows: [row(1), row(60_000), row(60_000), row(60_001)], key: 'id' }),
      );
      expect([...fresh].sort()).toEqual([60_000, 60_001]);
      expect(await insertRows(database.kysely, { table: 'shop.trial', columns, rows: [row(1), row(60_002)], onConflict: 'ignore' })).toBe(1);
      await expect(insertRows(database.kysely, { table: 'shop.trial', columns, rows: [row(70_000), row(1)] })).rejects.toSatisfy((error) =>
        isUniqueViolation(error),
      );
      expect(await insertRows(database.kysely, { table: 'shop.trial', columns, rows: [] })).toBe(0);
    });

    it('gives a lock to one holder at a time', async () => {
      let holders = 0;
      let most = 0;
      await Promise.all(
        Array.from({ length: 5 }, async () => {
          const lock = await database.acquireLock('bakery');
          holders += 1;
          most = Math.max(most, holders);
          await new Promise((resolve) => setImmediate(resolve));
          holders -= 1;
          expect(lock.lost.aborted).toBe(false);
          await lock.release();
          await lock.release();
        }),
      );
      expect(most).toBe(1);
      const held = await database.acquireLock('bakery');
      await expect(database.acquireLock('bakery', AbortSignal.timeout(50))).rejects.toMatchObject({ kind: 'CANCELLED' });
      const other = await database.acquireLock('another');
      await other.release();
      await held.release();
      const again = await database.acquireLock('bakery', AbortSignal.timeout(30_000));
      await again.release();
    });

    it('wakes listeners', async () => {
      const woken: string[] = [];
      const stopA = await database.listen('a', () => woken.push('a'));
      const stopB = await database.listen('b', () => woken.push('b'));
      let last = 0;
      const stopLast = await database.listen('last', () => (last += 1));
      woken.length = 0; // a first connection wakes everybody once
      last = 0;
      database.signal('a');
      database.signal('last');
      await until(() => last === 1); // signals come in order
      expect(woken).toEqual(['a']);
      await stopA();
      database.signal('a');
      database.signal('b');
      database.signal('last');
      await until(() => last === 2);
      expect(woken).toEqual(['a', 'b']);
      await stopB();
      await stopLast();
    });

    it('migrates once, in order, and refuses what it does not know', async () => {
      const log: string[] = [];
      const step = (id: string): Migration => ({
        id,
        up: async (tx) => {
          log.push(id);
          await sql`create table garage.${sql.id(id)} (id int8)`.execute(tx);
        },
      });
      const two = [step('0001-a'), step('0002-b')];
      const runs = await Promise.all(Array.from({ length: 6 }, () => migrate(database, 'garage', two)));
      expect(runs.flat().sort()).toEqual(['0001-a', '0002-b']);
      expect(log).toEqual(['0001-a', '0002-b']);
      expect(await migrate(database, 'garage', [...two, step('0003-c')])).toEqual(['0003-c']);
      // The version before goes on beside what was added, and not beside what was taken away.
      expect(await migrate(database, 'garage', two)).toEqual([]);
      const contract: Migration = { ...step('0004-e'), kind: 'contract' };
      await expect(migrate(database, 'garage', [...two, step('0003-c'), contract], 'check')).rejects.toMatchObject({
        kind: 'FAILED_PRECONDITION',
        reason: 'MIGRATIONS_PENDING',
        metadata: { service: 'garage', migrations: '0004-e' },
      });
      expect(await migrate(database, 'garage', [...two, step('0003-c'), contract])).toEqual(['0004-e']);
      expect(await migrate(database, 'garage', [...two, step('0003-c'), contract], 'check')).toEqual([]);
      await expect(migrate(database, 'garage', two)).rejects.toMatchObject({
        kind: 'FAILED_PRECONDITION',
        reason: 'UNKNOWN_MIGRATION',
        metadata: { service: 'garage', migrations: '0004-e' },
      });
      await expect(migrate(database, 'shed', two, 'check')).rejects.toMatchObject({ reason: 'MIGRATIONS_PENDING' });
      await expect(migrate(database, 'garage', [...two, step('0002-c'), step('0003-c'), contract])).rejects.toMatchObject({ reason: 'MIGRATION_ORDER' });
      await expect(migrate(database, 'garage', [step('0002-b'), step('0001-a')])).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
      const failing: Migration = {
        id: '0005-d',
        up: async (tx) => {
          await sql`create table garage.half (id int8)`.execute(tx);
          throw new Error('broken step');
        },
      };
      await expect(migrate(database, 'garage', [...two, step('0003-c'), contract, failing])).rejects.toThrow('broken step');
      expect((await sql`select to_regclass('garage.half')::text as found`.execute(database.kysely)).rows).toEqual([{ found: null }]);
    });

    it('answers UNAVAILABLE once closed, and keeps its rows', async () => {
      await database.kysely.insertInto('shop.item').values({ id: 50, name: 'stays' }).execute();
      await database.close();
      await expect(database.kysely.selectFrom('shop.item').selectAll().execute()).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
      database = (await home.open()).as<Tables>();
      expect(await database.kysely.selectFrom('shop.item').select('name').where('id', '=', 50).execute()).toEqual([{ name: 'stays' }]);
    });
  });
}
