import { DomainError } from '@nat/base/errors';
import type { AnyTransaction } from '../database/database.ts';
import { insertRows } from '../database/insert-rows.ts';
import { signalAfterCommit } from '../database/transaction-scope.ts';
import { MAX_PAYLOAD_BYTES, type OutgoingMessage } from './stream.ts';

/** The channel that wakes the readers of a topic. */
export function topicChannel(topic: string): string {
  return `stream/${topic}`;
}

/**
 * Publishes messages: they exist if and only if the transaction commits. Throws RESOURCE_EXHAUSTED `MESSAGE_TOO_LARGE` for a payload over
 * `MAX_PAYLOAD_BYTES`. The tables come with `migrateStorage` or with an open stream.
 */
export async function appendOutbox(tx: AnyTransaction, messages: readonly OutgoingMessage[]): Promise<void> {
  for (const { topic, id, payload } of messages) {
    if (payload.byteLength <= MAX_PAYLOAD_BYTES) continue;
    throw new DomainError('RESOURCE_EXHAUSTED', `message ${id} has ${String(payload.byteLength)} bytes, more than ${String(MAX_PAYLOAD_BYTES)}`, {
      reason: 'MESSAGE_TOO_LARGE',
      metadata: { topic, id },
    });
  }
  await insertRows(tx, {
    table: 'storage.outbox',
    columns: { topic: 'text', key: 'text', id: 'text', payload: 'bytea', traceparent: 'text' },
    rows: messages.map((message) => ({ ...message, traceparent: message.traceparent ?? null })),
  });
  for (const { topic } of messages) signalAfterCommit(topicChannel(topic));
}
