import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../database/database.ts';
import { makePgliteDatabase, makePostgresDatabase, testPostgresUrl, type TestDatabase, type TestDatabaseMaker } from '../testing/test-databases.ts';
import { until } from '../testing/until.ts';
import { pruneDeadLetters } from '../housekeeping.ts';
import { readDeadLetters } from '../testing/dead-letters.ts';
import { readAfter, readCursor } from './outbox-cursor.ts';
import { openOutboxStream } from './outbox-stream.ts';
import { appendOutbox } from './outbox.ts';
import type { Stream, TopicDeclaration } from './stream.ts';

const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);
const message = (topic: string, id: string) => ({ topic, key: 'k', id, payload: new TextEncoder().encode(id) });

describeCursor('pglite', makePgliteDatabase);
describeCursor('postgresql', makePostgresDatabase, testPostgresUrl === undefined ? 'NAT_TEST_POSTGRES is not set' : undefined);

function describeCursor(name: string, make: TestDatabaseMaker, skipReason?: string): void {
  describe.skipIf(skipReason !== undefined)(`outbox cursor: ${name}${skipReason === undefined ? '' : ` (skipped: ${skipReason})`}`, () => {
    let home: TestDatabase;
    let database: Database;
    beforeAll(async () => {
      home = await make();
      database = await home.open();
    });
    afterAll(async () => {
      await database.close();
      await home.dispose();
    });

    const rowsOf = async (topic: string): Promise<number> =>
      (await sql<{ n: number }>`select count(*) as n from storage.outbox where topic = ${topic}`.execute(database.kysely)).rows[0]?.n ?? -1;

    async function collect(topics: readonly TopicDeclaration[], group: string): Promise<{ stream: Stream; ids: string[] }> {
      const stream = await openOutboxStream(database, { topics, keepMs: 0, pruneEveryMs: 50 });
      const ids: string[] = [];
      for (const { name: topic } of topics) {
        await stream.subscribe({ topic, group, parse: text }, (batch) => {
          ids.push(...batch.map(({ id }) => id));
          return Promise.resolve();
        });
      }
      return { stream, ids };
    }

    it('deletes what every declared group has passed, and what is past its retention', async () => {
      const topic: TopicDeclaration = { name: 'pruned', groups: ['a', 'b'] };
      const witness: TopicDeclaration = { name: 'pruned-after', groups: ['a'] };
      const { stream, ids } = await collect([topic, witness], 'a');
      await database.transaction((tx) => appendOutbox(tx, [message(topic.name, '1'), message(topic.name, '2')]));
      await until(() => ids.length === 2);
      await database.transaction((tx) => appendOutbox(tx, [message(witness.name, '3')]));
      await until(async () => ids.length === 3 && (await rowsOf(witness.name)) === 0);
      expect(ids).toEqual(['1', '2', '3']);
      expect(await rowsOf(topic.name)).toBe(2); // b has not read them
      await stream.subscribe({ topic: topic.name, group: 'b', parse: text }, () => Promise.resolve());
      await until(async () => (await rowsOf(topic.name)) === 0);
      await stream.close();
      const short: TopicDeclaration = { name: 'short', groups: ['nobody'], retentionMs: 100 };
      const other = await openOutboxStream(database, { topics: [short], pruneEveryMs: 50 });
      await database.transaction((tx) => appendOutbox(tx, [message(short.name, '1')]));
      await until(async () => (await rowsOf(short.name)) === 0);
      await other.close();
    });

    it('goes on after a restore into a server whose transaction numbers are lower', async () => {
      const topic: TopicDeclaration = { name: 'restored', groups: ['g'] };
      const before = await collect([topic], 'g');
      await before.stream.close();
      await database.transaction((tx) => appendOutbox(tx, [message(topic.name, 'unread')]));
      await sql`update storage.outbox set xid = '99999999999' where topic = 'restored'`.execute(database.kysely);
      await sql`update storage.stream_cursor set xid = '99999999990', position = 5 where topic = 'restored'`.execute(database.kysely);
      const after = await collect([topic], 'g');
      await database.transaction((tx) => appendOutbox(tx, [message(topic.name, 'new')]));
      await until(() => after.ids.length >= 2);
      expect(after.ids).toEqual(['unread', 'new']);
      await after.stream.close();
    });

    it('takes a batch by its bytes as well', async () => {
      const topic: TopicDeclaration = { name: 'heavy', groups: ['g'] };
      const stream = await openOutboxStream(database, { topics: [topic] });
      for (let index = 0; index < 4; index += 1) {
        await database.transaction((tx) =>
          appendOutbox(
            tx,
            Array.from({ length: 5 }, (_, part) => ({ topic: 'heavy', key: 'k', id: `${index}/${part}`, payload: new Uint8Array(800_000) })),
          ),
        );
      }
      const sizes: number[] = [];
      await stream.subscribe({ topic: 'heavy', group: 'g', parse: (payload) => payload.byteLength }, (batch) => {
        sizes.push(batch.length);
        return Promise.resolve();
      });
      await until(() => sizes.reduce((sum, size) => sum + size, 0) >= 20);
      expect(sizes).toEqual([11, 9]);
      await stream.close();
    });

    it('forgets what was set aside after its retention', async () => {
      const topic: TopicDeclaration = { name: 'refused', groups: ['g'] };
      const stream = await openOutboxStream(database, { topics: [topic] });
      const parse = (): never => {
        throw new Error('unreadable');
      };
      await stream.subscribe({ topic: topic.name, group: 'g', parse }, () => Promise.resolve());
      await database.transaction((tx) => appendOutbox(tx, [message(topic.name, '1'), message(topic.name, '2')]));
      await until(async () => (await readDeadLetters(database, topic.name)).length === 2);
      await stream.close();
      await sql`update storage.dead_letter set received_at = clock_timestamp() - interval '1 hour' where topic = 'refused' and id = '1'`.execute(
        database.kysely,
      );
      expect(await pruneDeadLetters(database, 60_000)).toBe(1);
      expect((await readDeadLetters(database, topic.name)).map(({ id }) => id)).toEqual(['2']);
    });
  });
}

const skipped = testPostgresUrl === undefined ? ' (skipped: NAT_TEST_POSTGRES is not set)' : '';

describe.skipIf(testPostgresUrl === undefined)(`outbox cursor among open transactions${skipped}`, () => {
  it('never skips the row of a transaction that started earlier and commits later', async () => {
    const home = await makePostgresDatabase();
    const database = await home.open();
    const topic: TopicDeclaration = { name: 'order', groups: ['g'] };
    const stream = await openOutboxStream(database, { topics: [topic] });
    const ids: string[] = [];
    await stream.subscribe({ topic: 'order', group: 'g', parse: text }, (batch) => {
      ids.push(...batch.map(({ id }) => id));
      return Promise.resolve();
    });
    const appended = Promise.withResolvers<undefined>();
    const finish = Promise.withResolvers<undefined>();
    const slow = database.transaction(async (tx) => {
      await appendOutbox(tx, [message('order', 'slow')]);
      appended.resolve(undefined);
      await finish.promise;
    });
    await appended.promise;
    await database.transaction((tx) => appendOutbox(tx, [message('order', 'fast')]));
    // The fast one is committed, with a later place: it waits.
    expect(await readAfter(database, 'order', await readCursor(database, 'order', 'g'), 10)).toEqual([]);
    expect(ids).toEqual([]);
    finish.resolve(undefined);
    await slow;
    await until(() => ids.length >= 2);
    expect(ids).toEqual(['slow', 'fast']);
    await stream.close();
    await database.close();
    await home.dispose();
  });
});
