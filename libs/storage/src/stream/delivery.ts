import { setTimeout as pause } from 'node:timers/promises';
import type { DeadLetter, ReceivedMessage, SubscribeOptions } from './stream.ts';

/** A message before its payload is parsed. */
export interface RawMessage {
  readonly key: string;
  readonly id: string;
  readonly payload: Uint8Array;
  /** Set when the envelope itself is broken. */
  readonly broken?: string;
}

/** What a stream reports besides messages. */
export interface StreamEvents {
  /** A handler threw or the transport failed; the stream goes on by itself. */
  readonly onError?: (error: unknown, context: { readonly topic: string; readonly group: string }) => void;
  /** A message was set aside. */
  readonly onDeadLetter?: (letter: DeadLetter) => void;
}

/** Splits a batch into messages for the handler and those that cannot be parsed. */
export function parseBatch<Value>(
  { topic, group, parse }: SubscribeOptions<Value>,
  batch: readonly RawMessage[],
): { readonly messages: readonly ReceivedMessage<Value>[]; readonly deadLetters: readonly DeadLetter[] } {
  const messages: ReceivedMessage<Value>[] = [];
  const deadLetters: DeadLetter[] = [];
  for (const { key, id, payload, broken } of batch) {
    try {
      if (broken !== undefined) throw new Error(broken);
      messages.push({ topic, key, id, value: parse(payload) });
    } catch (error) {
      deadLetters.push({ topic, group, key, id, payload, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { messages, deadLetters };
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;

/** Doubles the pause after each failure in a row. */
export class Backoff {
  #failures = 0;

  succeeded(): void {
    this.#failures = 0;
  }

  /** Waits after a failure, or until the signal aborts. */
  async failed(signal: AbortSignal): Promise<void> {
    const ms = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    await pause(ms, undefined, { signal }).catch(() => undefined);
  }
}
