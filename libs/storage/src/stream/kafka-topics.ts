/** Brings the topics on the brokers to what the table says: makes what is missing, raises what is lower, and refuses what it cannot change. */
import { DomainError, isDomainError } from '@nat/base/errors';
import kafkajs, { type Admin, type DescribeConfigResponse, type Kafka } from 'kafkajs';
import type { MigrationMode } from '../migrations/migrate.ts';
import { DEFAULT_RETENTION_MS } from './outbox-stream.ts';
import type { TopicDeclaration } from './stream.ts';

/** How many copies of each partition there are. */
export interface Replication {
  /** Copies of each partition. @default the broker's own default for new topics, and whatever it is for those there */
  readonly replicationFactor?: number;
  /** Copies that must have a message before it is acknowledged. @default the broker's own */
  readonly minInsyncReplicas?: number;
}

export interface TopicMigrationOptions extends Replication {
  readonly topics: readonly TopicDeclaration[];
  /** Stands before every name. */
  readonly prefix: string;
  /** `check` changes nothing, and throws FAILED_PRECONDITION `TOPICS_PENDING` where something would change. */
  readonly mode: MigrationMode;
}

interface WantedTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
}

/** Node finds no such name among the exports of the CommonJS module. */
const { ConfigResourceTypes } = kafkajs;
const DEFAULT_PARTITIONS = 3;
/** What an operator or an earlier version set; other entries are the broker's defaults. */
const SET_ON_TOPIC = 1;
const FOR_EVER = '-1';
const GENTLE: ReadonlySet<string> = new Set(['retention.ms', 'min.insync.replicas']);

/** The topic that holds what could not be processed of another. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dead-letter`;
}

/**
 * @returns what was done, one line each
 * @throws DomainError UNAVAILABLE STREAM_UNAVAILABLE; FAILED_PRECONDITION TOPICS_PENDING, TOPIC_MISMATCH for what cannot be changed from here
 */
export async function migrateTopics(kafka: Kafka, options: TopicMigrationOptions): Promise<readonly string[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await migrateWith(admin, options);
  } catch (error) {
    if (isDomainError(error)) throw error;
    throw new DomainError('UNAVAILABLE', 'Kafka cannot be reached', { reason: 'STREAM_UNAVAILABLE', cause: error });
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

async function migrateWith(admin: Admin, { topics, prefix, mode, replicationFactor, minInsyncReplicas }: TopicMigrationOptions): Promise<readonly string[]> {
  if (replicationFactor !== undefined && minInsyncReplicas !== undefined && minInsyncReplicas > replicationFactor) {
    throw new DomainError('FAILED_PRECONDITION', `${String(minInsyncReplicas)} of ${String(replicationFactor)} copies cannot be in sync`, {
      reason: 'BAD_CONFIGURATION',
    });
  }
  const insync: Record<string, string> = minInsyncReplicas === undefined ? {} : { 'min.insync.replicas': String(minInsyncReplicas) };
  const wanted = topics.flatMap(({ name, partitions = DEFAULT_PARTITIONS, retentionMs = DEFAULT_RETENTION_MS }): WantedTopic[] => [
    { topic: `${prefix}${name}`, partitions, config: { 'cleanup.policy': 'delete', 'retention.ms': String(retentionMs), ...insync } },
    { topic: `${prefix}${deadLetterTopic(name)}`, partitions: 1, config: { 'cleanup.policy': 'delete', 'retention.ms': FOR_EVER, ...insync } },
  ]);
  const existing = new Set(await admin.listTopics());
  const missing = wanted.filter(({ topic }) => !existing.has(topic));
  const present = wanted.filter(({ topic }) => existing.has(topic));
  const changes = present.length === 0 ? [] : await changesOf(admin, present, replicationFactor);
  const plan = [
    ...missing.map(({ topic, partitions }) => `${topic}: make it with ${String(partitions)} partitions`),
    ...changes.flatMap(({ topic, partitions, config }) => [
      ...(partitions === undefined ? [] : [`${topic}: ${String(partitions)} partitions`]),
      ...Object.entries(config).map(([name, { to, from }]) => `${topic}: ${name} from ${from} to ${to}`),
    ]),
  ];
  if (mode === 'check' && plan.length > 0) {
    throw new DomainError('FAILED_PRECONDITION', `topics are not as this version needs them: ${plan.join('; ')}; run the migrations first (--migrate)`, {
      reason: 'TOPICS_PENDING',
    });
  }
  // A process that starts beside this one may make them first: that is no error, kafkajs then answers false.
  if (missing.length > 0) {
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map(({ topic, partitions, config }) => ({
        topic,
        numPartitions: partitions,
        replicationFactor: replicationFactor ?? -1,
        configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
      })),
    });
  }
  const grow = changes.flatMap(({ topic, partitions }) => (partitions === undefined ? [] : [{ topic, count: partitions }]));
  if (grow.length > 0) await admin.createPartitions({ topicPartitions: grow });
  const configured = changes.filter(({ config }) => Object.keys(config).length > 0);
  if (configured.length > 0) {
    await admin.alterConfigs({
      validateOnly: false,
      resources: configured.map(({ topic, kept, config }) => ({
        type: ConfigResourceTypes.TOPIC,
        name: topic,
        // The request replaces all that is set on a topic.
        configEntries: Object.entries({ ...kept, ...Object.fromEntries(Object.entries(config).map(([name, { to }]) => [name, to])) }).map(([name, value]) => ({
          name,
          value,
        })),
      })),
    });
  }
  return plan;
}

interface TopicChange {
  readonly topic: string;
  /** Undefined: there are enough. */
  readonly partitions: number | undefined;
  readonly config: Readonly<Record<string, { readonly from: string; readonly to: string }>>;
  /** Settings of the topic that stay. */
  readonly kept: Readonly<Record<string, string>>;
}

async function changesOf(admin: Admin, present: readonly WantedTopic[], replicationFactor: number | undefined): Promise<readonly TopicChange[]> {
  const names = present.map(({ topic }) => topic);
  const { topics: metadata } = await admin.fetchTopicMetadata({ topics: names });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  return present.map(({ topic, partitions, config: wanted }) => {
    const there = metadata.find(({ name }) => name === topic)?.partitions ?? [];
    const copies = Math.min(...there.map(({ replicas }) => replicas.length));
    if (replicationFactor !== undefined && copies < replicationFactor) {
      throw mismatch(topic, `${String(copies)} copies of each partition, not ${String(replicationFactor)}: reassign them with kafka-reassign-partitions.sh`);
    }
    const entries = entriesOf(resources, topic);
    const config: Record<string, { from: string; to: string }> = {};
    for (const [name, to] of Object.entries(wanted)) {
      const from = entries.get(name)?.value ?? '';
      if (from === to || (GENTLE.has(name) && isMore(from, to))) continue;
      if (!GENTLE.has(name)) throw mismatch(topic, `${name}=${from}, not ${to}: its messages would be lost`);
      config[name] = { from, to };
    }
    const kept = Object.fromEntries([...entries].filter(([, { set }]) => set).map(([name, { value }]) => [name, value]));
    return { topic, partitions: there.length < partitions ? partitions : undefined, config, kept };
  });
}

function mismatch(topic: string, what: string): DomainError {
  return new DomainError('FAILED_PRECONDITION', `the topic ${topic} has ${what}`, { reason: 'TOPIC_MISMATCH', metadata: { topic } });
}

/** What an operator raised stays. */
function isMore(there: string, wanted: string): boolean {
  return there === FOR_EVER || (wanted !== FOR_EVER && Number(there) >= Number(wanted));
}

function entriesOf(resources: DescribeConfigResponse['resources'], topic: string): ReadonlyMap<string, { readonly value: string; readonly set: boolean }> {
  const entries = resources.find(({ resourceName }) => resourceName === topic)?.configEntries ?? [];
  // Brokers send the source; the types of kafkajs lack it.
  return new Map(
    entries.map((entry) => [entry.configName, { value: entry.configValue, set: (entry as { readonly configSource?: number }).configSource === SET_ON_TOPIC }]),
  );
}
