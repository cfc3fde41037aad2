import { randomUUID } from 'node:crypto';
import { evaluation } from '@nat/contracts';
import { OUTCOME_TOPIC } from '@nat/storage';
import { retry, type RetryPolicy } from '@nat/base/retry';
import { Kafka, logLevel, type KafkaJSError, type Producer } from 'kafkajs';
import { until } from '../testing/processes.ts';

/** A message of the outcome topic as it stands there. */
export interface TopicMessage {
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly headers: Readonly<Record<string, Buffer | string>>;
}

/** A reader of the outcome topic that has nothing of the platform's but its contract. */
export interface TopicReader {
  /** Events of one search up to now, duplicates included. */
  readonly eventsOf: (search: string) => Promise<readonly evaluation.OutcomeEvent[]>;
  readonly messagesOf: (search: string) => readonly TopicMessage[];
  readonly send: (messages: readonly TopicMessage[]) => Promise<void>;
  /** Messages in the topic of those that could not be read. */
  readonly deadLetters: () => Promise<number>;
  readonly close: () => Promise<void>;
}

const MESSAGES_A_REQUEST = 16;
const BROKER_COMES_BACK: RetryPolicy = { initialIntervalMs: 200, maximumIntervalMs: 2_000, maximumElapsedMs: 60_000 };

export async function openTopicReader(broker: string): Promise<TopicReader> {
  const kafka = new Kafka({
    brokers: [broker],
    clientId: 'faults',
    logLevel: logLevel.NOTHING,
    retry: { retries: 30, initialRetryTime: 100, maxRetryTime: 1_000 },
  });
  const topic = OUTCOME_TOPIC.name;
  const messages: TopicMessage[] = [];
  const places = new Map<number, number>();
  const consumer = kafka.consumer({
    groupId: `faults-${randomUUID()}`,
    maxWaitTimeInMs: 200,
    retry: { restartOnFailure: () => Promise.resolve(true), retries: 30 },
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: ({ partition, message }) => {
      messages.push({ key: message.key, value: message.value ?? Buffer.alloc(0), headers: (message.headers ?? {}) as TopicMessage['headers'] });
      places.set(partition, Number(message.offset) + 1);
      return Promise.resolve();
    },
  });
  const readEnds = async (name: string): Promise<readonly { readonly partition: number; readonly high: number }[]> => {
    const admin = kafka.admin();
    await admin.connect();
    try {
      return (await admin.fetchTopicOffsets(name)).map(({ partition, high }) => ({ partition, high: Number(high) }));
    } finally {
      await admin.disconnect();
    }
  };
  // A broker that has only just come back is not yet the leader of its partitions; kafkajs tells that as it is.
  const endsOf = (name: string) =>
    retry(BROKER_COMES_BACK, () => readEnds(name), { retryable: (error) => error instanceof Error && (error as Partial<KafkaJSError>).retriable === true });
  const decoded = new WeakMap<TopicMessage, evaluation.OutcomeEvent | null>();
  const decode = (message: TopicMessage): evaluation.OutcomeEvent | null => {
    let event = decoded.get(message);
    if (event === undefined) {
      try {
        event = evaluation.OutcomeEvent.decode(message.value);
      } catch {
        event = null;
      }
      decoded.set(message, event);
    }
    return event;
  };
  let producer: Producer | undefined;
  const messagesOf = (search: string): readonly TopicMessage[] => messages.filter((message) => decode(message)?.search === search);
  return {
    messagesOf,
    eventsOf: async (search) => {
      // A broker that was killed gives its group up for a while.
      const ends = await endsOf(topic);
      await until('the topic is read', () => ends.every(({ partition, high }) => (places.get(partition) ?? 0) >= high));
      return messagesOf(search).flatMap((message) => decode(message) ?? []);
    },
    send: async (sent) => {
      producer ??= kafka.producer();
      await producer.connect();
      // A few at a time: brokers bound what one request may hold.
      for (let start = 0; start < sent.length; start += MESSAGES_A_REQUEST) {
        const part = sent.slice(start, start + MESSAGES_A_REQUEST);
        await producer.send({ topic, messages: part.map(({ key, value, headers }) => ({ key, value, headers: { ...headers } })) });
      }
    },
    deadLetters: async () => (await endsOf(`${topic}.dead-letter`)).reduce((sum, { high }) => sum + high, 0),
    close: async () => {
      await producer?.disconnect();
      await consumer.disconnect();
    },
  };
}
