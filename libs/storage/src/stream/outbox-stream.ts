import { setTimeout as pause } from 'node:timers/promises';
import { DomainError } from '@nat/base/errors';
import { Backoff } from '@nat/base/retry';
import type { AnyDatabase, HeldLock } from '../database/database.ts';
import type { MigrationMode } from '../migrations/migrate.ts';
import { runAsLeader } from '../database/leader.ts';
import { openNotifier } from '../database/open-notifier.ts';
import { handleBatch, REDELIVERY, type StreamEvents } from './delivery.ts';
import { acknowledge, createCursors, pruneTopic, readAfter, readCursor, repairAfterRestore } from './outbox-cursor.ts';
import { topicChannel } from './outbox.ts';
import { migrateStorage } from '../migrations/storage-migrations.ts';
import { consuming } from './stream-spans.ts';
import type { ReceivedMessage, Stream, SubscribeOptions, Subscription, TopicDeclaration } from './stream.ts';

export interface OutboxStreamOptions extends StreamEvents {
  readonly topics: readonly TopicDeclaration[];
  /** Whether tables that are missing are made, or refused. @default 'start' */
  readonly migrate?: MigrationMode;
  /** How long messages stay after every group has read them. @default 60 s */
  readonly keepMs?: number;
  /** How often to delete messages. @default 10 s */
  readonly pruneEveryMs?: number;
  /** Whether messages have spans where they are handled. @default true */
  readonly spans?: boolean;
  /** How often an idle subscription looks without having been woken. @default 1 s embedded, where it is always woken, and 200 ms on a server */
  readonly pollMs?: number;
}

export const DEFAULT_RETENTION_MS = 7 * 24 * 3600 * 1000;
const DEFAULT_BATCH = 500;
const PRUNE_ROWS = 5_000;

/** A stream that reads the outbox table of its own database with one durable cursor for each topic and group. */
export async function openOutboxStream(database: AnyDatabase, options: OutboxStreamOptions): Promise<Stream> {
  await migrateStorage(database, options.migrate);
  await repairAfterRestore(database);
  await createCursors(database, options.topics);
  const stop = new AbortController();
  const subscriptions = new Set<Subscription>();
  const pruning = pruneUntilStopped(database, options, stop.signal);

  return {
    async subscribe<Value>(subscribeOptions: SubscribeOptions<Value>, handler: (batch: readonly ReceivedMessage<Value>[]) => Promise<void>) {
      requireDeclared(options.topics, subscribeOptions);
      if (stop.signal.aborted) throw new DomainError('UNAVAILABLE', 'the stream is closed', { reason: 'STREAM_CLOSED' });
      const subscription = await startSubscription(database, options, subscribeOptions, handler);
      subscriptions.add(subscription);
      return {
        close: async () => {
          await subscription.close();
          subscriptions.delete(subscription);
        },
      };
    },
    async close() {
      stop.abort();
      await Promise.all([...subscriptions].map((subscription) => subscription.close()));
      await pruning;
    },
  };
}

/** Throws INVALID_ARGUMENT for a topic or group outside the table. */
export function requireDeclared(topics: readonly TopicDeclaration[], { topic, group }: { readonly topic: string; readonly group: string }): void {
  const declaration = topics.find(({ name }) => name === topic);
  if (declaration === undefined) throw DomainError.invalid('topic', `${topic} is not declared`, 'UNKNOWN_TOPIC');
  if (!declaration.groups.includes(group)) throw DomainError.invalid('group', `${group} is not declared for ${topic}`, 'UNKNOWN_GROUP');
}

async function startSubscription<Value>(
  database: AnyDatabase,
  streamOptions: OutboxStreamOptions,
  options: SubscribeOptions<Value>,
  handler: (batch: readonly ReceivedMessage<Value>[]) => Promise<void>,
): Promise<Subscription> {
  const { topic, group } = options;
  const stop = new AbortController();
  const pollMs = streamOptions.pollMs ?? (database.kind === 'pglite' ? 1_000 : 200);
  const appended = await openNotifier(database, topicChannel(topic));
  const messages = appended.waiter();
  const backoff = new Backoff(REDELIVERY);

  async function runWithLock(lock: HeldLock): Promise<void> {
    const ended = AbortSignal.any([stop.signal, lock.lost]);
    let place = await readCursor(database, topic, group);
    while (!ended.aborted) {
      messages.reset(); // before the look: what commits after it is notified again
      const rows = await readAfter(database, topic, place, options.maxBatch ?? DEFAULT_BATCH);
      const last = rows.at(-1);
      if (last === undefined) {
        await messages.wait(pollMs, ended);
        continue;
      }
      const deadLetters = await handleBatch(options, rows, (batch) => (streamOptions.spans === false ? handler(batch) : consuming(options, batch, handler)));
      await acknowledge(database, topic, group, last, deadLetters);
      for (const letter of deadLetters) streamOptions.onDeadLetter?.(letter);
      place = { xid: last.xid, position: last.position };
      backoff.reset();
    }
  }

  const running = runAsLeader(database, `stream/${topic}/${group}`, stop.signal, runWithLock, async (error) => {
    streamOptions.onError?.(error, { topic, group });
    await backoff.pause(stop.signal);
  });
  return {
    async close() {
      stop.abort();
      await running;
      await appended.close();
    },
  };
}

async function pruneUntilStopped(database: AnyDatabase, options: OutboxStreamOptions, stop: AbortSignal): Promise<void> {
  const stopped = (): boolean => stop.aborted;
  while (!stopped()) {
    await pause(options.pruneEveryMs ?? 10_000, undefined, { signal: stop, ref: false }).catch(() => undefined);
    for (const topic of options.topics) {
      try {
        for (let went = PRUNE_ROWS; went === PRUNE_ROWS && !stopped();) {
          went = await pruneTopic(database, topic, options.keepMs ?? 60_000, topic.retentionMs ?? DEFAULT_RETENTION_MS, PRUNE_ROWS);
        }
      } catch (error) {
        if (!stopped()) options.onError?.(error, { topic: topic.name, group: 'prune' });
      }
    }
  }
}
