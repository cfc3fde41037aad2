/** One message: `id` is what a consumer counts by, because any message may come more than once. */
export interface OutgoingMessage {
  /** Declared in the topic table of the stream. */
  readonly topic: string;
  /** Messages of one key keep together (Kafka partition); no order is promised. */
  readonly key: string;
  readonly id: string;
  /** At most `MAX_PAYLOAD_BYTES`. */
  readonly payload: Uint8Array;
  /** W3C trace context of the work that publishes it. */
  readonly traceparent?: string | undefined;
}

/** A message as the handler sees it, its payload already parsed. */
export interface ReceivedMessage<Value> {
  readonly topic: string;
  readonly key: string;
  readonly id: string;
  readonly value: Value;
  /** W3C trace context of where it was published; undefined: it has none. */
  readonly traceparent?: string | undefined;
}

/** Where a message was in Kafka. */
export interface MessageSource {
  readonly partition: number;
  readonly offset: string;
}

/**
 * Thrown by a handler for a batch that holds a message which no repetition can help. The stream then hands out its messages one by one and sets aside
 * those that it is thrown for. Everything else that a handler throws is tried again.
 */
export class TerminalMessageError extends Error {
  override readonly name = 'TerminalMessageError';
}

export function isTerminalMessageError(error: unknown): error is TerminalMessageError {
  return error instanceof Error && error.name === 'TerminalMessageError';
}

/** A message that could not be parsed or processed and was set aside. */
export interface DeadLetter {
  readonly topic: string;
  readonly group: string;
  readonly key: string;
  readonly id: string;
  readonly payload: Uint8Array;
  readonly reason: string;
  /** With Kafka. */
  readonly source?: MessageSource;
}

/** One topic of the platform. */
export interface TopicDeclaration {
  readonly name: string;
  /** Kafka partitions, the most consumers of one group that can share the topic. @default 3 */
  readonly partitions?: number;
  /** Messages older than this may go even if a group never read them. @default 7 days */
  readonly retentionMs?: number;
  /** Groups that will read the topic: nothing is pruned before each of them has read it, also when one first appears later. None: it is for others to read. */
  readonly groups: readonly string[];
}

export interface SubscribeOptions<Value> {
  readonly topic: string;
  /** Each group receives every message; the members of a group share them. A group that is new starts with the oldest retained message. */
  readonly group: string;
  /** Turns a payload into a value; what it throws on goes to the dead letters, once, and the stream goes on. */
  readonly parse: (payload: Uint8Array) => Value;
  /** @default 500 */
  readonly maxBatch?: number;
}

/** A running subscription. `close` waits for the handler and its acknowledgement. */
export interface Subscription {
  close(): Promise<void>;
}

/**
 * Delivers what transactions published with `appendOutbox`: at least once, in any order. A batch is acknowledged after the handler resolved; when it
 * throws, the batch comes again after a pause, unless it throws a `TerminalMessageError`. Publishing is not here on purpose: a message exists if and only if its transaction committed.
 */
export interface Stream {
  subscribe<Value>(options: SubscribeOptions<Value>, handler: (batch: readonly ReceivedMessage<Value>[]) => Promise<void>): Promise<Subscription>;
  /** Ends every subscription after its running batch, then releases connections; the database stays open. */
  close(): Promise<void>;
}

/** The largest payload a message may carry: under the default message limit of Kafka. */
export const MAX_PAYLOAD_BYTES = 900_000;
