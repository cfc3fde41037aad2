/** What happens to searches, published with the transaction that it happens in. The platform itself reads the tables; this is for others. */
import { search as wire } from '@nat/contracts';
import { appendOutbox, SEARCH_EVENT_TOPIC } from '@nat/storage';
import { searchNames } from '../names.ts';
import type { SearchRow, StepRow, Tx } from './tables.ts';
import { searchToWire, stepToWire } from './search-wire.ts';

/** A search is new, or has another state. */
export async function publishState(tx: Tx, row: SearchRow): Promise<void> {
  const state = searchToWire(row);
  await publish(tx, { search: state.name, event: { $case: 'state', value: state } }, `state/${String(row.revision)}`);
}

/** A search has learned a step. */
export async function publishStep(tx: Tx, { namespace, search_id: search }: SearchRow, row: StepRow): Promise<void> {
  const name = searchNames.format({ namespace, search });
  await publish(tx, { search: name, event: { $case: 'step', value: stepToWire(row) } }, `step/${String(row.step)}`);
}

async function publish(tx: Tx, event: wire.SearchEvent, id: string): Promise<void> {
  const payload = wire.SearchEvent.encode(event).finish();
  await appendOutbox(tx, [{ topic: SEARCH_EVENT_TOPIC.name, key: event.search, id: `${event.search}/${id}`, payload }]);
}
