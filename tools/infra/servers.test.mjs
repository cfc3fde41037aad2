import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../bootstrap/index.mjs';
import { isRunning } from './daemon.mjs';
import { kafkaAvailability, startKafka } from './kafka.mjs';
import { postgresAvailability, startPostgres } from './postgres.mjs';
import { S3_CREDENTIALS, s3Availability, startS3 } from './s3.mjs';

const storage = createRequire(path.join(root, 'libs', 'storage', 'package.json')); // whose clients these are
const { Client } = storage('pg');
const { Kafka, logLevel } = storage('kafkajs');
const noKafka = await kafkaAvailability();
const { GetObjectCommand, PutObjectCommand, S3Client } = storage('@aws-sdk/client-s3');
const noPostgres = postgresAvailability();
const noS3 = await s3Availability();

/** @type {string} */
let folder;
/** @type {{pid: number, kill: () => Promise<void>}[]} */
let started;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nat-servers-test-'));
  fs.chmodSync(folder, 0o755);
  started = [];
});
afterEach(async () => {
  for (const server of started) await server.kill();
  fs.rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(noPostgres !== undefined)(`PostgreSQL (${noPostgres ?? 'as needed'})`, () => {
  /** @param {string} url @param {string} sql @returns {Promise<any[]>} */
  const query = async (url, sql) => {
    const client = new Client(url);
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  };

  it('keeps what it acknowledged over a kill, and starts again on its port', async () => {
    const first = await startPostgres({ dir: path.join(folder, 'pg') });
    started.push(first);
    await query(first.url, 'create table t (x int)');
    await query(first.url, 'insert into t values (42)');
    await expect(startPostgres({ dir: path.join(folder, 'pg') })).rejects.toThrow(/runs in .* already/);
    await first.kill();
    expect(isRunning(first.pid, folder)).toBe(false);
    const second = await first.restart();
    started.push(second);
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'select x from t')).toEqual([{ x: 42 }]);
    await second.stop();
    expect(isRunning(second.pid, folder)).toBe(false);
  });
});

describe.skipIf(noKafka !== undefined)(`Kafka (${noKafka ?? 'as needed'})`, () => {
  it('keeps what it acknowledged over a kill, and starts again on its port', async () => {
    const first = await startKafka({ dir: path.join(folder, 'kafka') });
    started.push(first);
    const client = new Kafka({ brokers: [first.address], logLevel: logLevel.NOTHING });
    const producer = client.producer();
    await producer.connect();
    await producer.send({ topic: 't', acks: -1, messages: [{ value: 'kept' }] });
    await producer.disconnect();
    await first.kill();
    const second = await first.restart();
    started.push(second);
    expect(second.address).toBe(first.address);
    const consumer = client.consumer({ groupId: 'g', maxWaitTimeInMs: 200 });
    await consumer.connect();
    await consumer.subscribe({ topic: 't', fromBeginning: true });
    const value = await new Promise((resolve) => {
      void consumer.run({ eachMessage: async (/** @type {any} */ { message }) => resolve(String(message.value)) });
    });
    expect(value).toBe('kept');
    await consumer.disconnect();
    await second.stop();
    expect(isRunning(second.pid, folder)).toBe(false);
  }, 180_000);
});

describe.skipIf(noS3 !== undefined)(`the S3 server (${noS3 ?? 'as needed'})`, () => {
  it('keeps what it acknowledged over a kill, starts again on its port, and takes no other secret', async () => {
    const first = await startS3({ dir: path.join(folder, 's3') });
    started.push(first);
    const clientOf = (/** @type {string} */ secretAccessKey) =>
      new S3Client({
        endpoint: `http://127.0.0.1:${first.port}`,
        region: 'us-east-1',
        forcePathStyle: true,
        credentials: { accessKeyId: S3_CREDENTIALS.AWS_ACCESS_KEY_ID, secretAccessKey },
      });
    const client = clientOf(S3_CREDENTIALS.AWS_SECRET_ACCESS_KEY);
    const place = { Bucket: new URL(first.url).host, Key: 'kept' };
    await client.send(new PutObjectCommand({ ...place, Body: 'kept' }));
    await first.kill();
    const second = await first.restart();
    started.push(second);
    expect(second.url).toBe(first.url);
    expect(await (await client.send(new GetObjectCommand(place))).Body.transformToString()).toBe('kept');
    await expect(clientOf('another').send(new GetObjectCommand(place))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    await second.stop();
    expect(isRunning(second.pid, folder)).toBe(false);
  });
});
