import { DomainError } from '@nat/base/errors';
import { failpoint } from '@nat/base/failpoints';
import { Backoff } from '@nat/base/retry';
import { Kafka, logLevel, type Consumer, type EachBatchPayload, type IHeaders, type KafkaConfig, type KafkaMessage, type Producer } from 'kafkajs';
import type { AnyDatabase } from '../database/database.ts';
import type { MigrationMode } from '../migrations/migrate.ts';
import { handleBatch, REDELIVERY, type RawMessage, type StreamEvents } from './delivery.ts';
import { deadLetterTopic, migrateTopics, type Replication } from './kafka-topics.ts';
import { openOutboxStream, requireDeclared } from './outbox-stream.ts';
import { consuming, publishing } from './stream-spans.ts';
import type { DeadLetter, ReceivedMessage, Stream, SubscribeOptions, Subscription, TopicDeclaration } from './stream.ts';
import './kafkajs-timers.ts';

/** How brokers are reached, and what is theirs to keep. */
export interface KafkaConnection extends Replication {
  /** `host:port` of one or more brokers. */
  readonly brokers: readonly string[];
  /** Stands before the names of topics and groups on the brokers, so that platforms can share them. @default none */
  readonly prefix?: string;
  readonly ssl?: KafkaConfig['ssl'];
  readonly sasl?: KafkaConfig['sasl'];
}

export interface KafkaStreamOptions extends KafkaConnection, StreamEvents {
  /** Names this process in broker logs. */
  readonly clientId: string;
  readonly topics: readonly TopicDeclaration[];
  /** Whether topics and tables that are missing are made on opening, or refused (see `migrateTopics`). @default 'start' */
  readonly migrate?: MigrationMode;
  /** The database whose outbox this process publishes; without it the stream only subscribes. One process at a time publishes a topic, the others stand by. */
  readonly relay?: AnyDatabase;
  /** How long a consumer may be silent until its partitions go to another. @default 10 s */
  readonly sessionTimeoutMs?: number;
}

type Batch<Value> = readonly ReceivedMessage<Value>[];

const RELAY_GROUP = 'kafka-relay';
const ID_HEADER = 'nat-id';
/** W3C trace context, for whoever consumes the message. */
const TRACEPARENT_HEADER = 'traceparent';
const REASON_HEADER = 'nat-reason';
const GROUP_HEADER = 'nat-group';
/** Where a dead letter was. */
const SOURCE_HEADERS = { topic: 'nat-topic', partition: 'nat-partition', offset: 'nat-offset' } as const;
const DEFAULT_BATCH = 500;

/** A stream over Kafka: a relay publishes the outbox of a database, consumers commit ordinary offsets after their handler. Throws UNAVAILABLE without a broker. */
export async function openKafkaStream(options: KafkaStreamOptions): Promise<Stream> {
  const kafka = createClient(options);
  await migrateTopics(kafka, { ...options, prefix: options.prefix ?? '', mode: options.migrate ?? 'start' });
  const producer = new RenewedProducer(kafka);
  const subscriptions = new Set<Subscription>();
  const relay = options.relay === undefined ? undefined : await startRelay(options.relay, options, producer);
  let closed = false;

  return {
    async subscribe<Value>(subscribeOptions: SubscribeOptions<Value>, handler: (batch: Batch<Value>) => Promise<void>) {
      requireDeclared(options.topics, subscribeOptions);
      if (closed) throw new DomainError('UNAVAILABLE', 'the stream is closed', { reason: 'STREAM_CLOSED' });
      const subscription = await startConsumer(kafka, options, producer, subscribeOptions, handler);
      subscriptions.add(subscription);
      return {
        close: async () => {
          await subscription.close();
          subscriptions.delete(subscription);
        },
      };
    },
    async close() {
      closed = true;
      await Promise.all([...subscriptions].map((subscription) => subscription.close()));
      await relay?.close();
      await producer.close();
    },
  };
}

/**
 * Brings the topics of a platform to what their table says; see `migrateTopics`.
 * @returns what was done, one line each
 */
export async function migrateKafkaTopics(
  connection: KafkaConnection & { readonly clientId: string },
  topics: readonly TopicDeclaration[],
): Promise<readonly string[]> {
  return migrateTopics(createClient(connection), { ...connection, topics, prefix: connection.prefix ?? '', mode: 'start' });
}

function createClient(options: KafkaConnection & { readonly clientId: string }): Kafka {
  return new Kafka({
    clientId: options.clientId,
    brokers: [...options.brokers],
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
    connectionTimeout: 5_000,
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8 },
    logLevel: logLevel.NOTHING, // failures come back as errors, and those of consumers through CRASH events
  });
}

/** The name that brokers know a topic or group by. */
function onBroker({ prefix = '' }: KafkaStreamOptions, name: string): string {
  return `${prefix}${name}`;
}

/** A group a topic: members that join one do not make the others pause. */
function groupOf(options: KafkaStreamOptions, { topic, group }: { readonly topic: string; readonly group: string }): string {
  return onBroker(options, `${group}.${topic}`);
}

interface KafkaMessageToSend {
  readonly key: string;
  readonly value: Buffer;
  readonly headers: IHeaders;
}

/** Of the messages of one request. Brokers take 1,048,588 bytes a partition unless they are told otherwise, and messages of one key go to one partition. */
const MAX_REQUEST_BYTES = 1_000_000;

/** Cuts messages into requests that a broker takes; one that is too large by itself is for the broker to refuse. */
function inParts(messages: readonly KafkaMessageToSend[]): readonly KafkaMessageToSend[][] {
  const parts: KafkaMessageToSend[][] = [];
  let bytes = Infinity;
  for (const message of messages) {
    const size = sizeOf(message);
    if (bytes + size > MAX_REQUEST_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(message);
    bytes += size;
  }
  return parts;
}

/** As the format of records has it, rounded up. */
const RECORD_BYTES = 64;

function sizeOf({ key, value, headers }: KafkaMessageToSend): number {
  const named = Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + Buffer.byteLength(String(text)) + 10, 0);
  return RECORD_BYTES + Buffer.byteLength(key) + value.length + named;
}

/** An idempotent producer that is replaced after a failure: the broker may have forgotten its sequence, and then it would fail for ever. */
class RenewedProducer {
  readonly #kafka: Kafka;
  #current: Promise<Producer> | undefined;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  /** In order, and all or an error: what went before an error is sent again by whoever repeats the call. */
  async send(topic: string, messages: readonly KafkaMessageToSend[]): Promise<void> {
    this.#current ??= this.#connect();
    const used = this.#current;
    try {
      const producer = await used;
      for (const part of inParts(messages)) await producer.send({ topic, messages: part, acks: -1 });
    } catch (error) {
      if (this.#current === used) this.#current = undefined;
      void used.then((producer) => producer.disconnect()).catch(() => undefined);
      throw error;
    }
  }

  async close(): Promise<void> {
    const producer = await this.#current?.catch(() => undefined);
    this.#current = undefined;
    await producer?.disconnect();
  }

  async #connect(): Promise<Producer> {
    const producer = this.#kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, retry: { retries: 8 } });
    await producer.connect();
    return producer;
  }
}

/** Publishes the outbox: a group of the outbox table whose handler is Kafka's acknowledgement. A crash in between publishes again, with the same ids. */
async function startRelay(database: AnyDatabase, options: KafkaStreamOptions, producer: RenewedProducer): Promise<Stream> {
  const outbox = await openOutboxStream(database, {
    topics: options.topics.map((topic) => ({ ...topic, groups: [RELAY_GROUP] })),
    keepMs: 0,
    spans: false, // those of a relay are its producer's
    ...(options.migrate === undefined ? {} : { migrate: options.migrate }),
    ...(options.onError === undefined ? {} : { onError: options.onError }),
  });
  for (const { name: topic } of options.topics) {
    await outbox.subscribe({ topic, group: RELAY_GROUP, parse: (payload) => payload }, async (batch) => {
      await failpoint('outbox.stored');
      await publishing(onBroker(options, topic), batch, (messages) => producer.send(onBroker(options, topic), messages.map(toKafka)));
    });
  }
  return outbox;
}

function toKafka({ key, id, value, traceparent }: ReceivedMessage<Uint8Array>): { key: string; value: Buffer; headers: IHeaders } {
  return { key, value: asBuffer(value), headers: { [ID_HEADER]: id, ...(traceparent === undefined ? {} : { [TRACEPARENT_HEADER]: traceparent }) } };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function fromKafka({ key, value, headers, offset }: KafkaMessage, topic: string, partition: number): RawMessage {
  const id = headers?.[ID_HEADER];
  const raw = { key: key?.toString() ?? '', payload: new Uint8Array(value ?? Buffer.alloc(0)), source: { partition, offset } };
  if (id === undefined || Array.isArray(id)) return { ...raw, id: `${topic}/${String(partition)}/${offset}`, broken: `the header ${ID_HEADER} is missing` };
  const traceparent = headers?.[TRACEPARENT_HEADER];
  return { ...raw, id: id.toString(), ...(traceparent === undefined || Array.isArray(traceparent) ? {} : { traceparent: traceparent.toString() }) };
}

async function startConsumer<Value>(
  kafka: Kafka,
  streamOptions: KafkaStreamOptions,
  producer: RenewedProducer,
  options: SubscribeOptions<Value>,
  handler: (batch: Batch<Value>) => Promise<void>,
): Promise<Subscription> {
  const { topic, group } = options;
  const sessionTimeout = streamOptions.sessionTimeoutMs ?? 10_000;
  const heartbeatMs = Math.floor(sessionTimeout / 5);
  const stop = new AbortController();
  const backoff = new Backoff(REDELIVERY);
  const report = (error: unknown): void => streamOptions.onError?.(error, { topic, group });
  const place = { topic: onBroker(streamOptions, topic), group: groupOf(streamOptions, options) };

  /** Handles messages until they are handled; true unless the partition went to another consumer or the subscription closes. */
  async function deliver(raw: readonly RawMessage[], payload: EachBatchPayload): Promise<boolean> {
    while (payload.isRunning() && !payload.isStale() && !stop.signal.aborted) {
      try {
        const deadLetters = await handleBatch(options, raw, (batch) => consuming(place, batch, handler));
        if (deadLetters.length > 0) await producer.send(onBroker(streamOptions, deadLetterTopic(topic)), deadLetters.map(deadLetterToKafka));
        for (const letter of deadLetters) streamOptions.onDeadLetter?.(letter);
        backoff.reset();
        return true;
      } catch (error) {
        report(error);
        await backoff.pause(stop.signal);
      }
    }
    return false;
  }

  async function eachBatch(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const beating = setInterval(() => {
      payload.heartbeat().catch(() => undefined); // a lost membership shows as isStale
    }, heartbeatMs);
    try {
      const size = options.maxBatch ?? DEFAULT_BATCH;
      for (let start = 0; start < batch.messages.length; start += size) {
        const part = batch.messages.slice(start, start + size);
        const last = part.at(-1);
        const handled = await deliver(
          part.map((message) => fromKafka(message, topic, batch.partition)),
          payload,
        );
        if (!handled || last === undefined) return; // unresolved offsets come again
        payload.resolveOffset(last.offset);
        await payload.commitOffsetsIfNecessary(payload.uncommittedOffsets());
      }
    } finally {
      clearInterval(beating);
    }
  }

  const consumer: Consumer = kafka.consumer({
    groupId: place.group,
    maxWaitTimeInMs: 200, // rebalances wait for running fetches
    sessionTimeout,
    heartbeatInterval: heartbeatMs,
    rebalanceTimeout: sessionTimeout * 3,
    metadataMaxAge: 30_000,
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8, restartOnFailure: () => Promise.resolve(!stop.signal.aborted) },
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    report(payload.error);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [onBroker(streamOptions, topic)], fromBeginning: true }); // false loses what is produced between joining and the first look-up of offsets
  // Not awaited: joining waits until the broker gives up members that were killed, for as long as their session. Failures restart it and are reported.
  consumer.run({ eachBatchAutoResolve: false, autoCommit: true, partitionsConsumedConcurrently: 1, eachBatch }).catch(report);
  let closing: Promise<void> | undefined;
  return {
    close() {
      stop.abort();
      return (closing ??= consumer.disconnect());
    },
  };
}

function deadLetterToKafka({ topic, group, key, id, payload, reason, source }: DeadLetter): { key: string; value: Buffer; headers: IHeaders } {
  const from = source === undefined ? {} : { [SOURCE_HEADERS.partition]: String(source.partition), [SOURCE_HEADERS.offset]: source.offset };
  const headers = { [ID_HEADER]: id, [GROUP_HEADER]: group, [REASON_HEADER]: reason, [SOURCE_HEADERS.topic]: topic, ...from };
  return { key, value: asBuffer(payload), headers };
}
