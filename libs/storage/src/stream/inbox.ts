import type { AnyTransaction } from '../database/database.ts';
import { insertNewRows } from '../database/insert-rows.ts';

/**
 * Notes messages as received by this consumer and returns those it had not received before, each once, in the order given: a batch may hold a message
 * twice. Over all committed transactions every id is returned exactly once, so what they do with the result counts once.
 */
export async function receiveOnce<Message extends { readonly id: string }>(
  tx: AnyTransaction,
  consumer: string,
  messages: readonly Message[],
): Promise<readonly Message[]> {
  const byId = new Map<string, Message>();
  for (const message of messages) if (!byId.has(message.id)) byId.set(message.id, message);
  // In one order everywhere, so that two transactions with common ids wait for each other instead of deadlocking.
  const rows = [...byId.keys()].sort().map((id) => ({ consumer, id }));
  const fresh = await insertNewRows(tx, { table: 'storage.inbox', columns: { consumer: 'text', id: 'text' }, rows, key: 'id' });
  return [...byId.values()].filter(({ id }) => fresh.has(id));
}
