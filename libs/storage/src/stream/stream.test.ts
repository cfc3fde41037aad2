import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../database/database.ts';
import { makePgliteDatabase, makePostgresDatabase, testKafkaBroker, testPostgresUrl, type TestDatabase } from '../testing/test-databases.ts';
import { until } from '../testing/until.ts';
import { openKafkaStream } from './kafka-stream.ts';
import { deadLetterTopic } from './kafka-topics.ts';
import { readDeadLetters } from '../testing/dead-letters.ts';
import { openOutboxStream } from './outbox-stream.ts';
import { appendOutbox } from './outbox.ts';
import { MAX_PAYLOAD_BYTES, TerminalMessageError, type DeadLetter, type ReceivedMessage, type Stream, type TopicDeclaration } from './stream.ts';

type Events = { onError?: (error: unknown) => void; onDeadLetter?: (letter: DeadLetter) => void };

interface Setting {
  readonly makeDatabase: () => Promise<TestDatabase>;
  /** A stream as one process opens it; the first one of a suite is the one that relays. */
  readonly openStream: (database: Database, topics: readonly TopicDeclaration[], events?: Events) => Promise<Stream>;
  readonly readDeadLetterIds: (database: Database, topic: string, count: number) => Promise<readonly string[]>;
  readonly skipReason?: string | undefined;
}

const fromTable = async (database: Database, topic: string): Promise<readonly string[]> => (await readDeadLetters(database, topic)).map(({ id }) => id);
const openOutbox: Setting['openStream'] = (database, topics, events = {}) => openOutboxStream(database, { topics, keepMs: 0, pruneEveryMs: 200, ...events });

describeStream('outbox cursor on pglite', { makeDatabase: makePgliteDatabase, openStream: openOutbox, readDeadLetterIds: fromTable });
describeStream('outbox cursor on postgresql', {
  makeDatabase: makePostgresDatabase,
  openStream: openOutbox,
  readDeadLetterIds: fromTable,
  skipReason: testPostgresUrl === undefined ? 'NAT_TEST_POSTGRES is not set' : undefined,
});
describeStream('kafka', {
  makeDatabase: makePgliteDatabase,
  openStream: (database, topics, events = {}) =>
    openKafkaStream({ brokers: [testKafkaBroker ?? ''], clientId: 'nat-test', topics, relay: database, sessionTimeoutMs: 6_000, ...events }),
  readDeadLetterIds: readKafkaDeadLetters,
  skipReason: testKafkaBroker === undefined ? 'NAT_TEST_KAFKA is not set' : undefined,
});

describe.skipIf(testKafkaBroker === undefined)('two platforms on one broker (needs NAT_TEST_KAFKA)', () => {
  it('have their own messages each, under the same names of topic and group', async () => {
    const topics = [{ name: `test.${randomUUID()}`, groups: ['g'] }];
    const topic = topics[0]!.name;
    const platforms = await Promise.all(
      ['a', 'b'].map(async (id) => {
        const home = await makePgliteDatabase();
        const database = await home.open();
        const stream = await openKafkaStream({ brokers: [testKafkaBroker ?? ''], clientId: id, topics, relay: database, prefix: `${id}.` });
        const received: string[] = [];
        await stream.subscribe({ topic, group: 'g', parse: text }, (batch) => {
          received.push(...batch.map((message) => message.id));
          return Promise.resolve();
        });
        await database.transaction((tx) => appendOutbox(tx, [{ topic, key: 'k', id, payload: bytes(id) }]));
        return { id, home, database, stream, received };
      }),
    );
    await until(() => platforms.every(({ received }) => received.length > 0));
    for (const { id, home, database, stream, received } of platforms) {
      await stream.close();
      await database.close();
      await home.dispose();
      expect([...new Set(received)]).toEqual([id]);
    }
  });
});

async function readKafkaDeadLetters(_database: Database, topic: string, count: number): Promise<readonly string[]> {
  const dead = deadLetterTopic(topic);
  const stream = await openKafkaStream({ brokers: [testKafkaBroker ?? ''], clientId: 'nat-test', topics: [{ name: dead, groups: ['reader'] }] });
  const ids = new Set<string>();
  await stream.subscribe({ topic: dead, group: 'reader', parse: (payload) => payload }, (batch) => {
    for (const { id } of batch) ids.add(id);
    return Promise.resolve();
  });
  await until(() => ids.size >= count);
  await stream.close();
  return [...ids];
}

const text = (payload: Uint8Array): string => new TextDecoder().decode(payload);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

/** What every implementation of the stream port does. */
function describeStream(name: string, setting: Setting): void {
  const { skipReason } = setting;
  describe.skipIf(skipReason !== undefined)(`stream: ${name}${skipReason === undefined ? '' : ` (skipped: ${skipReason})`}`, () => {
    let home: TestDatabase;
    let database: Database;

    beforeAll(async () => {
      home = await setting.makeDatabase();
      database = await home.open();
    });
    afterAll(async () => {
      await database.close();
      await home.dispose();
    });

    const newTopic = (...groups: string[]): TopicDeclaration => ({ name: `test.${randomUUID()}`, groups });
    const publish = (topic: string, ids: readonly string[], value = (id: string) => `value of ${id}`): Promise<void> =>
      database.transaction((tx) =>
        appendOutbox(
          tx,
          ids.map((id) => ({ topic, key: `key-${String(id.length % 3)}`, id, payload: bytes(value(id)) })),
        ),
      );
    const collectInto = (received: ReceivedMessage<string>[]) => (batch: readonly ReceivedMessage<string>[]) => {
      received.push(...batch);
      return Promise.resolve();
    };

    it('delivers what was committed, before and after the subscription, and nothing rolled back', async () => {
      const topic = newTopic('g');
      const stream = await setting.openStream(database, [topic]);
      await publish(topic.name, ['before']);
      const received: ReceivedMessage<string>[] = [];
      await stream.subscribe({ topic: topic.name, group: 'g', parse: text }, collectInto(received));
      await database
        .transaction(async (tx) => {
          await appendOutbox(tx, [{ topic: topic.name, key: 'k', id: 'rolled-back', payload: bytes('x') }]);
          throw new Error('no');
        })
        .catch(() => undefined);
      await publish(topic.name, ['after', 'é']);
      await until(() => received.length >= 3);
      expect(received.map(({ id }) => id).sort()).toEqual(['after', 'before', 'é']);
      expect(received.find(({ id }) => id === 'é')).toEqual({ topic: topic.name, key: 'key-1', id: 'é', value: 'value of é' });
      await stream.close();
    });

    it('gives each group everything, also one that comes late, and goes on after a restart where it acknowledged', async () => {
      const topic = newTopic('a', 'b');
      const first = await setting.openStream(database, [topic]);
      const a: ReceivedMessage<string>[] = [];
      await first.subscribe({ topic: topic.name, group: 'a', parse: text }, collectInto(a));
      await publish(topic.name, ['1', '2', '3']);
      await until(() => a.length === 3);
      await first.close();
      await publish(topic.name, ['4']);
      const second = await setting.openStream(database, [topic]);
      const b: ReceivedMessage<string>[] = [];
      await second.subscribe({ topic: topic.name, group: 'a', parse: text }, collectInto(a));
      await second.subscribe({ topic: topic.name, group: 'b', parse: text }, collectInto(b));
      await until(() => a.length >= 4 && b.length >= 4);
      expect(a.map(({ id }) => id).sort()).toEqual(['1', '2', '3', '4']);
      expect(b.map(({ id }) => id).sort()).toEqual(['1', '2', '3', '4']);
      await second.close();
    });

    it('brings a batch again until its handler resolves, and reports the failures', async () => {
      const topic = newTopic('g');
      const errors: unknown[] = [];
      const stream = await setting.openStream(database, [topic], { onError: (error) => errors.push(error) });
      const seen: string[] = [];
      let failures = 2;
      await stream.subscribe({ topic: topic.name, group: 'g', parse: text }, (batch) => {
        seen.push(...batch.map(({ id }) => id));
        if (failures > 0) {
          failures -= 1;
          return Promise.reject(new Error('busy'));
        }
        return Promise.resolve();
      });
      await publish(topic.name, ['only']);
      await until(() => seen.length === 3);
      await publish(topic.name, ['next']);
      await until(() => seen.includes('next'));
      expect(seen).toEqual(['only', 'only', 'only', 'next']);
      expect(errors).toEqual([new Error('busy'), new Error('busy')]);
      await stream.close();
    });

    it('acknowledges nothing whose handler did not finish, and waits for the one that runs when it closes', async () => {
      const topic = newTopic('g');
      const first = await setting.openStream(database, [topic]);
      const started = Promise.withResolvers<undefined>();
      const finish = Promise.withResolvers<undefined>();
      let finished = false;
      await first.subscribe({ topic: topic.name, group: 'g', parse: text }, async () => {
        started.resolve(undefined);
        await finish.promise;
        finished = true;
        throw new Error('not done');
      });
      await publish(topic.name, ['again']);
      await started.promise;
      const closing = first.close();
      finish.resolve(undefined);
      await closing;
      expect(finished).toBe(true);
      const second = await setting.openStream(database, [topic]);
      const received: ReceivedMessage<string>[] = [];
      await second.subscribe({ topic: topic.name, group: 'g', parse: text }, collectInto(received));
      await until(() => received.length > 0);
      expect(received.map(({ id }) => id)).toEqual(['again']);
      await second.close();
    });

    it('sets aside what cannot be parsed and goes on', async () => {
      const topic = newTopic('g');
      const letters: DeadLetter[] = [];
      const stream = await setting.openStream(database, [topic], { onDeadLetter: (letter) => letters.push(letter) });
      const received: ReceivedMessage<string>[] = [];
      const parse = (payload: Uint8Array): string => {
        const value = text(payload);
        if (value.includes('bad')) throw new Error('unreadable');
        return value;
      };
      await stream.subscribe({ topic: topic.name, group: 'g', parse }, collectInto(received));
      await publish(topic.name, ['bad-1', 'good', 'bad-2']);
      await until(() => received.length === 1 && letters.length === 2);
      expect(received[0]?.id).toBe('good');
      expect(letters.map(({ id }) => id).sort()).toEqual(['bad-1', 'bad-2']);
      expect(letters[0]).toMatchObject({ topic: topic.name, group: 'g', reason: 'unreadable' });
      expect([...(await setting.readDeadLetterIds(database, topic.name, 2))].sort()).toEqual(['bad-1', 'bad-2']);
      await stream.close();
    });

    it('sets aside what its handler calls terminal, and tries the rest again', async () => {
      const topic = newTopic('g');
      const letters: DeadLetter[] = [];
      const stream = await setting.openStream(database, [topic], { onDeadLetter: (letter) => letters.push(letter) });
      const handled = new Set<string>();
      let busy = true;
      await stream.subscribe({ topic: topic.name, group: 'g', parse: text }, (batch) => {
        if (batch.some(({ id }) => id.startsWith('poison'))) return Promise.reject(new TerminalMessageError('no such search'));
        if (busy && batch.some(({ id }) => id === 'later')) {
          busy = false;
          return Promise.reject(new Error('busy'));
        }
        for (const { id } of batch) handled.add(id);
        return Promise.resolve();
      });
      await publish(topic.name, ['first', 'poison-1', 'later', 'poison-2', 'last']);
      await until(() => handled.size === 3 && new Set(letters.map(({ id }) => id)).size === 2);
      expect([...handled].sort()).toEqual(['first', 'last', 'later']);
      for (const letter of letters)
        expect(letter).toMatchObject({ topic: topic.name, group: 'g', reason: 'no such search', payload: bytes(`value of ${letter.id}`) });
      expect([...new Set(await setting.readDeadLetterIds(database, topic.name, 2))].sort()).toEqual(['poison-1', 'poison-2']);
      await publish(topic.name, ['after']);
      await until(() => handled.has('after'));
      await stream.close();
    });

    it('loses nothing of many concurrent transactions', async () => {
      const topic = newTopic('g');
      const stream = await setting.openStream(database, [topic]);
      const ids = new Set<string>();
      await stream.subscribe({ topic: topic.name, group: 'g', parse: text, maxBatch: 100 }, (batch) => {
        for (const { id } of batch) ids.add(id);
        return Promise.resolve();
      });
      await Promise.all(
        Array.from({ length: 20 }, async (_, publisher) => {
          for (let turn = 0; turn < 25; turn += 1)
            await publish(
              topic.name,
              Array.from({ length: 10 }, (__, index) => `${publisher}/${turn}/${index}`),
            );
        }),
      );
      await until(() => ids.size === 5_000);
      expect(ids).toEqual(new Set(Array.from({ length: 5_000 }, (_, i) => `${Math.floor(i / 250)}/${Math.floor(i / 10) % 25}/${i % 10}`)));
      await stream.close();
    });

    it('shares a group among its members and hands over when one leaves', async () => {
      const topic = newTopic('g');
      const one = await setting.openStream(database, [topic]);
      const two = await setting.openStream(database, [topic]);
      const received: string[] = [];
      for (const stream of [one, two]) {
        await stream.subscribe({ topic: topic.name, group: 'g', parse: text }, (batch) => {
          received.push(...batch.map(({ id }) => id));
          return Promise.resolve();
        });
      }
      await publish(topic.name, ['1', '22', '333']);
      await until(() => new Set(received).size === 3);
      await one.close();
      await publish(topic.name, ['4444', '55555', '666666']);
      await until(() => new Set(received).size === 6);
      expect(new Set(received)).toEqual(new Set(['1', '22', '333', '4444', '55555', '666666']));
      await two.close();
    });

    it('carries the largest payload and refuses a larger one', async () => {
      const topic = newTopic('g');
      const stream = await setting.openStream(database, [topic]);
      const sizes: number[] = [];
      await stream.subscribe({ topic: topic.name, group: 'g', parse: (payload) => payload.byteLength }, (batch) => {
        sizes.push(...batch.map(({ value }) => value));
        return Promise.resolve();
      });
      const message = (size: number) => ({ topic: topic.name, key: 'k', id: `size-${String(size)}`, payload: new Uint8Array(size).fill(7) });
      await expect(database.transaction((tx) => appendOutbox(tx, [message(MAX_PAYLOAD_BYTES + 1)]))).rejects.toMatchObject({ kind: 'RESOURCE_EXHAUSTED' });
      await database.transaction((tx) => appendOutbox(tx, [message(MAX_PAYLOAD_BYTES), message(0)]));
      await until(() => sizes.length === 2);
      expect(sizes.sort((a, b) => a - b)).toEqual([0, MAX_PAYLOAD_BYTES]);
      await stream.close();
    });

    it('carries many large messages of one key at once, in order', async () => {
      const topic = newTopic('g');
      const stream = await setting.openStream(database, [topic]);
      const received: string[] = [];
      await stream.subscribe({ topic: topic.name, group: 'g', parse: (payload) => payload.byteLength }, (batch) => {
        received.push(...batch.map(({ id }) => id));
        return Promise.resolve();
      });
      const ids = ['a', 'b', 'c', 'd'];
      await database.transaction(
        (tx) =>
        appendOutbox(tx, ids.map((id) => ({ topic: topic.name, key: 'k', id, payload: new Uint8Array(MAX_PAYLOAD_BYTES / 2).fill(7) }))), // prettier-ignore
      );
      await until(() => received.length >= ids.length);
      expect(received).toEqual(ids);
      await stream.close();
    });

    it('closes a subscription that has only just begun', async () => {
      const topic = newTopic('g');
      const stream = await setting.openStream(database, [topic]);
      let handled = 0;
      const subscription = await stream.subscribe({ topic: topic.name, group: 'g', parse: text }, () => Promise.resolve(void (handled += 1)));
      await subscription.close();
      await publish(topic.name, ['after']);
      const received: ReceivedMessage<string>[] = [];
      await stream.subscribe({ topic: topic.name, group: 'g', parse: text }, collectInto(received));
      await until(() => received.length > 0);
      expect(received.map(({ id }) => id)).toEqual(['after']);
      expect(handled).toBe(0);
      await stream.close();
    });

    it('knows only declared topics and groups', async () => {
      const topic = newTopic('g');
      const stream = await setting.openStream(database, [topic]);
      const subscribe = (name: string, group: string) => stream.subscribe({ topic: name, group, parse: text }, () => Promise.resolve());
      await expect(subscribe('unknown', 'g')).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'UNKNOWN_TOPIC' });
      await expect(subscribe(topic.name, 'unknown')).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'UNKNOWN_GROUP' });
      await stream.close();
      await expect(subscribe(topic.name, 'g')).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
    });
  });
}
