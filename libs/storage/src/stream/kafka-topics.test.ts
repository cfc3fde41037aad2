import { randomUUID } from 'node:crypto';
import { ConfigResourceTypes, Kafka, logLevel, type Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { kafkaConnectionOf, kafkaEnvironment } from '../environment.ts';
import { makePgliteDatabase, testKafkaBroker } from '../testing/test-databases.ts';
import { until } from '../testing/until.ts';
import { migrateKafkaTopics, openKafkaStream } from './kafka-stream.ts';
import { appendOutbox } from './outbox.ts';
import type { TopicDeclaration } from './stream.ts';

const HOUR_MS = 3_600_000;
const secure = process.env['NAT_TEST_KAFKA_SECURE'];

describe.skipIf(testKafkaBroker === undefined)(`topics${testKafkaBroker === undefined ? ' (skipped: NAT_TEST_KAFKA is not set)' : ''}`, () => {
  const connection = { brokers: [testKafkaBroker ?? ''], clientId: 'topics-test' };
  const kafka = new Kafka({ ...connection, logLevel: logLevel.NOTHING });
  let admin: Admin;
  beforeAll(async () => {
    admin = kafka.admin();
    await admin.connect();
  });
  afterAll(() => admin.disconnect());

  const newTable = (): readonly [TopicDeclaration] => [{ name: `test.${randomUUID()}`, partitions: 2, retentionMs: HOUR_MS, groups: [] }];
  const describeTopic = async (name: string) => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] });
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name }] });
    const config = Object.fromEntries((resources[0]?.configEntries ?? []).map(({ configName, configValue }) => [configName, configValue]));
    return { partitions: topics[0]?.partitions.length, retention: config['retention.ms'], cleanup: config['cleanup.policy'], segment: config['segment.bytes'], insync: config['min.insync.replicas'] }; // prettier-ignore
  };
  /** Brokers show changes a moment after they have acknowledged them. */
  const becomes = (name: string, wanted: object) => expect.poll(() => describeTopic(name), { timeout: 20_000 }).toMatchObject(wanted);
  const set = (name: string, values: Readonly<Record<string, string>>) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name, configEntries: Object.entries(values).map(([key, value]) => ({ name: key, value })) }],
    });

  it('are made once, with those for dead letters', async () => {
    const table = newTable();
    const [{ name }] = table;
    const done = await Promise.all([1, 2, 3].map(() => migrateKafkaTopics({ ...connection, prefix: 'p.', minInsyncReplicas: 1 }, table)));
    expect(done.flat()).toContain(`p.${name}: make it with 2 partitions`);
    await becomes(`p.${name}`, { partitions: 2, retention: String(HOUR_MS), cleanup: 'delete', insync: '1' });
    await becomes(`p.${name}.dead-letter`, { partitions: 1, retention: '-1' });
    expect(await migrateKafkaTopics({ ...connection, prefix: 'p.' }, table)).toEqual([]);
  });

  it('grow with the table, and keep what an operator set', async () => {
    const table = newTable();
    const [declared] = table;
    await migrateKafkaTopics(connection, table);
    await set(declared.name, { 'retention.ms': String(HOUR_MS), 'segment.bytes': '1048576' });
    await becomes(declared.name, { retention: String(HOUR_MS), segment: '1048576' });
    const grown = [{ ...declared, partitions: 5, retentionMs: 2 * HOUR_MS }];
    const check = openKafkaStream({ ...connection, topics: grown, migrate: 'check' });
    await expect(check).rejects.toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'TOPICS_PENDING' });
    await expect(check).rejects.toThrow(`${declared.name}: 5 partitions; ${declared.name}: retention.ms from ${String(HOUR_MS)} to ${String(2 * HOUR_MS)}`);
    await migrateKafkaTopics(connection, grown);
    await becomes(declared.name, { partitions: 5, retention: String(2 * HOUR_MS), segment: '1048576' });
    await (await openKafkaStream({ ...connection, topics: grown, migrate: 'check' })).close();
    // An operator may keep more than the table asks for.
    await set(declared.name, { 'retention.ms': '-1' });
    await becomes(declared.name, { partitions: 5, retention: '-1' });
    expect(await migrateKafkaTopics(connection, table)).toEqual([]);
    await becomes(declared.name, { partitions: 5, retention: '-1' });
  });

  it('are refused when they are what no migration can mend', async () => {
    const table = newTable();
    const [{ name }] = table;
    await migrateKafkaTopics(connection, table);
    const refused = (what: string) => ({ kind: 'FAILED_PRECONDITION', reason: 'TOPIC_MISMATCH', message: expect.stringContaining(what) as string });
    await expect(migrateKafkaTopics({ ...connection, replicationFactor: 3 }, table)).rejects.toMatchObject(refused('1 copies of each partition, not 3'));
    await set(name, { 'cleanup.policy': 'compact' });
    await becomes(name, { cleanup: 'compact' });
    await expect(migrateKafkaTopics(connection, table)).rejects.toMatchObject(refused('cleanup.policy=compact, not delete'));
    await expect(migrateKafkaTopics({ ...connection, replicationFactor: 1, minInsyncReplicas: 2 }, table)).rejects.toMatchObject({
      kind: 'FAILED_PRECONDITION',
    });
  });

  it('of dead letters say where a message was, and why it is there', async () => {
    const topic = `test.${randomUUID()}`;
    const home = await makePgliteDatabase();
    const database = await home.open();
    const stream = await openKafkaStream({ ...connection, topics: [{ name: topic, partitions: 1, groups: ['g'] }], relay: database });
    const reject = (payload: Uint8Array): never => {
      throw new Error(`${String(payload.byteLength)} bytes are no message`);
    };
    await stream.subscribe({ topic, group: 'g', parse: reject }, () => Promise.resolve());
    await database.transaction((tx) =>
      appendOutbox(
        tx,
        ['one', 'two'].map((id) => ({ topic, key: 'k', id, payload: new Uint8Array(3) })),
      ),
    );
    const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 200 });
    await consumer.connect();
    await consumer.subscribe({ topics: [`${topic}.dead-letter`], fromBeginning: true });
    const headers: unknown[] = [];
    await consumer.run({
      eachMessage: ({ message }) => {
        headers.push(Object.fromEntries(Object.entries(message.headers ?? {}).map(([name, value]) => [name, String(value)])));
        return Promise.resolve();
      },
    });
    await until(() => headers.length === 2);
    const common = { 'nat-reason': '3 bytes are no message', 'nat-group': 'g', 'nat-topic': topic, 'nat-partition': '0' };
    expect(headers).toEqual([
      { ...common, 'nat-id': 'one', 'nat-offset': '0' },
      { ...common, 'nat-id': 'two', 'nat-offset': '1' },
    ]);
    await consumer.disconnect();
    await stream.close();
    await database.close();
    await home.dispose();
  });
});

describe.skipIf(secure === undefined)(`brokers with TLS and SASL${secure === undefined ? ' (skipped: NAT_TEST_KAFKA_SECURE is not set)' : ''}`, () => {
  const settings = (changes: object = {}) => z.object(kafkaEnvironment).parse({ ...(JSON.parse(secure ?? '{}') as object), ...changes });

  it('are reached with what the environment says, and with nothing less', async () => {
    const table: readonly TopicDeclaration[] = [{ name: `test.${randomUUID()}`, groups: [] }];
    expect(await migrateKafkaTopics({ ...kafkaConnectionOf(settings())!, clientId: 'secure' }, table)).toHaveLength(2);
    for (const less of [{ NAT_KAFKA_SASL_PASSWORD: 'another' }, { NAT_KAFKA_SSL_CA_FILE: undefined, NAT_KAFKA_SSL: 'true' }]) {
      const connection = { ...kafkaConnectionOf(settings(less))!, clientId: 'secure', retries: 0 };
      await expect(migrateKafkaTopics(connection, table)).rejects.toMatchObject({ kind: 'UNAVAILABLE', reason: 'STREAM_UNAVAILABLE' });
    }
  });
});

describe('the environment of Kafka', () => {
  const connectionOf = (env: object) => kafkaConnectionOf(z.object(kafkaEnvironment).parse({ NAT_KAFKA_BROKERS: 'a:1,b:2', ...env }));

  it('names brokers and how they are reached', () => {
    expect(kafkaConnectionOf(z.object(kafkaEnvironment).parse({}))).toBeUndefined();
    expect(connectionOf({ NAT_KAFKA_SSL: 'true', NAT_KAFKA_REPLICATION_FACTOR: '3', NAT_KAFKA_MIN_INSYNC_REPLICAS: '2' })).toEqual({
      brokers: ['a:1', 'b:2'],
      prefix: '',
      ssl: true,
      replicationFactor: 3,
      minInsyncReplicas: 2,
    });
  });

  it('is refused where parts are missing', () => {
    for (const env of [
      { NAT_KAFKA_SASL_USERNAME: 'u' },
      { NAT_KAFKA_SASL_MECHANISM: 'plain', NAT_KAFKA_SASL_USERNAME: 'u', NAT_KAFKA_SASL_PASSWORD: 'p', NAT_KAFKA_SASL_PASSWORD_FILE: '/p' },
      { NAT_KAFKA_SSL_CERT_FILE: '/cert.pem' },
      { NAT_KAFKA_SSL_CA_FILE: '/nowhere/ca.pem' },
      { NAT_KAFKA_REPLICATION_FACTOR: '1', NAT_KAFKA_MIN_INSYNC_REPLICAS: '2' },
    ]) {
      expect(() => connectionOf(env)).toThrow(expect.objectContaining({ kind: 'FAILED_PRECONDITION', reason: 'BAD_CONFIGURATION' }));
    }
  });
});
