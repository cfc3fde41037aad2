import type { RetryPolicy } from '@nat/base/retry';
import { isTerminalMessageError, type DeadLetter, type MessageSource, type ReceivedMessage, type SubscribeOptions } from './stream.ts';

/** A message before its payload is parsed. */
export interface RawMessage {
  readonly key: string;
  readonly id: string;
  readonly payload: Uint8Array;
  readonly traceparent?: string | null | undefined;
  /** Set when the envelope itself is broken. */
  readonly broken?: string;
  readonly source?: MessageSource;
}

/** What a stream reports besides messages. */
export interface StreamEvents {
  /** A handler threw or the transport failed; the stream goes on by itself. */
  readonly onError?: (error: unknown, context: { readonly topic: string; readonly group: string }) => void;
  /** A message was set aside. */
  readonly onDeadLetter?: (letter: DeadLetter) => void;
}

/** Longest reason kept of a message that was set aside. */
const MAX_REASON = 1_000;

type Handler<Value> = (batch: readonly ReceivedMessage<Value>[]) => Promise<void>;

/**
 * Hands a batch to its handler and returns what is to be set aside: what cannot be parsed, and what the handler calls terminal. Throws what another try
 * may mend.
 */
export async function handleBatch<Value>(
  options: SubscribeOptions<Value>,
  batch: readonly RawMessage[],
  handler: Handler<Value>,
): Promise<readonly DeadLetter[]> {
  const { topic, group, parse } = options;
  const parsed: Parsed<Value>[] = [];
  const deadLetters: DeadLetter[] = [];
  const setAside = (raw: RawMessage, error: unknown): void => {
    const { key, id, payload, source } = raw;
    const reason = (error instanceof Error ? error.message : String(error)).slice(0, MAX_REASON);
    deadLetters.push({ topic, group, key, id, payload, reason, ...(source === undefined ? {} : { source }) });
  };
  for (const raw of batch) {
    const { key, id, payload, broken, traceparent } = raw;
    try {
      if (broken !== undefined) throw new Error(broken);
      parsed.push({ raw, message: { topic, key, id, value: parse(payload), ...(traceparent == null ? {} : { traceparent }) } });
    } catch (error) {
      setAside(raw, error);
    }
  }
  await deliver(parsed, handler, setAside);
  return deadLetters;
}

interface Parsed<Value> {
  readonly raw: RawMessage;
  readonly message: ReceivedMessage<Value>;
}

/** All at once; one by one when one of them is terminal. */
async function deliver<Value>(parsed: readonly Parsed<Value>[], handler: Handler<Value>, setAside: (raw: RawMessage, error: unknown) => void): Promise<void> {
  const [first] = parsed;
  if (first === undefined) return;
  try {
    await handler(parsed.map(({ message }) => message));
  } catch (error) {
    if (!isTerminalMessageError(error)) throw error;
    if (parsed.length === 1) setAside(first.raw, error);
    else for (const one of parsed) await deliver([one], handler, setAside);
  }
}

/** Pauses of a stream that does not get on: a handler threw, or the transport failed. */
export const REDELIVERY: RetryPolicy = { initialIntervalMs: 50, maximumIntervalMs: 5_000 };
