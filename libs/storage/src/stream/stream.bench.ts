/**
 * How long a message takes from its commit to its handler: `node libs/storage/src/stream/stream.bench.ts [messages]`. Embedded; with `NAT_TEST_POSTGRES` and
 * `NAT_TEST_KAFKA` also on these servers.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from '../database/database.ts';
import { makePgliteDatabase, makePostgresDatabase, testKafkaBroker, testPostgresUrl } from '../testing/test-databases.ts';
import { openKafkaStream } from './kafka-stream.ts';
import { openOutboxStream } from './outbox-stream.ts';
import { appendOutbox } from './outbox.ts';
import type { Stream, TopicDeclaration } from './stream.ts';

const messages = Number(process.argv[2] ?? 200);
const WARM_UP = 20;

type OpenStream = (database: Database, topics: readonly TopicDeclaration[]) => Promise<Stream>;
const openOutbox: OpenStream = (database, topics) => openOutboxStream(database, { topics });
const openKafka: OpenStream = (database, topics) => openKafkaStream({ brokers: [testKafkaBroker ?? ''], clientId: 'nat-bench', topics, relay: database });

const settings = [
  { name: 'outbox cursor, embedded', make: makePgliteDatabase, open: openOutbox },
  ...(testPostgresUrl === undefined ? [] : [{ name: 'outbox cursor, PostgreSQL', make: makePostgresDatabase, open: openOutbox }]),
  ...(testKafkaBroker === undefined ? [] : [{ name: 'Kafka', make: makePgliteDatabase, open: openKafka }]),
];
for (const { name, make, open } of settings) {
  const home = await make();
  const database = await home.open();
  const topic = `bench.${randomUUID()}`;
  const stream = await open(database, [{ name: topic, groups: ['g'] }]);
  let arrived = Promise.withResolvers<undefined>();
  await stream.subscribe({ topic, group: 'g', parse: (payload) => payload }, () => {
    arrived.resolve(undefined);
    return Promise.resolve();
  });
  const times: number[] = [];
  for (let i = 0; i < WARM_UP + messages; i += 1) {
    arrived = Promise.withResolvers<undefined>();
    const start = performance.now();
    await database.transaction((tx) => appendOutbox(tx, [{ topic, key: 'k', id: `m${String(i)}`, payload: new Uint8Array(1_000) }]));
    await arrived.promise;
    if (i >= WARM_UP) times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string => `p${String(100 * share)} ${times[Math.floor(share * times.length)]!.toFixed(1)}`;
  console.log(`${name}: ${[0.1, 0.5, 0.99].map(at).join(', ')} ms`);
  await stream.close();
  await database.close();
  await home.dispose();
}
