import { DomainError } from '@nat/base/errors';
import { isUniqueViolation, json } from '@nat/storage';
import { sql } from 'kysely';
import { publishState } from './search-events.ts';
import type { Reader, SearchRow, SearchStateName, StepRow, Tx } from './tables.ts';

/** Signalled when a search changes state or learns a step: wakes runners and watchers. */
export const SEARCH_CHANNEL = 'policy/searches';

/** @throws DomainError NOT_FOUND SEARCH_NOT_FOUND, SEARCH_DELETED */
export async function findSearch(reader: Reader, namespace: string, searchId: string): Promise<SearchRow> {
  const row = await reader.selectFrom('policy.search').selectAll().where('namespace', '=', namespace).where('search_id', '=', searchId).executeTakeFirst();
  return requireThere(row, namespace, searchId);
}

function requireThere(row: SearchRow | undefined, namespace: string, searchId: string): SearchRow {
  if (row === undefined) throw new DomainError('NOT_FOUND', `there is no search ${searchId} in ${namespace}`, { reason: 'SEARCH_NOT_FOUND' });
  const { delete_time: deleted } = row;
  if (deleted === null) return row;
  throw new DomainError('NOT_FOUND', `search ${searchId} in ${namespace} was deleted at ${deleted.toISOString()}`, { reason: 'SEARCH_DELETED' });
}

/** As `findSearch`, keeping every other writer out until the transaction ends. */
export async function lockSearch(tx: Tx, namespace: string, searchId: string): Promise<SearchRow> {
  const row = await tx
    .selectFrom('policy.search')
    .selectAll()
    .where('namespace', '=', namespace)
    .where('search_id', '=', searchId)
    .forUpdate()
    .executeTakeFirst();
  return requireThere(row, namespace, searchId);
}

export interface NewSearch {
  readonly namespace: string;
  readonly searchId: string;
  /** SearchSpec as protobuf JSON, as it was given and with every default. */
  readonly spec: unknown;
  readonly effectiveSpec: unknown;
  readonly learnerState?: string;
  readonly weights?: string;
  readonly forkedFrom?: string;
  /** W3C trace context of the call that asks for it. */
  readonly traceparent?: string;
}

/** @throws DomainError ALREADY_EXISTS SEARCH_EXISTS */
export async function insertSearch(
  tx: Tx,
  { namespace, searchId, spec, effectiveSpec, learnerState = '', weights = '', forkedFrom = '', traceparent }: NewSearch,
): Promise<SearchRow> {
  try {
    const row = await tx
      .insertInto('policy.search')
      .values({
        namespace,
        search_id: searchId,
        spec: json(spec),
        effective_spec: json(effectiveSpec),
        learner_state: learnerState,
        weights,
        forked_from: forkedFrom,
        traceparent,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await publishState(tx, row);
    return row;
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new DomainError('ALREADY_EXISTS', `search ${searchId} is there, or was deleted: ids are given once`, {
      reason: 'SEARCH_EXISTS',
      metadata: { search: searchId },
    });
  }
}

export async function listSearches(
  reader: Reader,
  page: { readonly namespace: string; readonly state: SearchStateName | undefined; readonly before: number | undefined; readonly limit: number },
): Promise<readonly SearchRow[]> {
  let query = reader.selectFrom('policy.search').selectAll().where('namespace', '=', page.namespace).where('delete_time', 'is', null);
  if (page.state !== undefined) query = query.where('state', '=', page.state);
  if (page.before !== undefined) query = query.where('ordinal', '<', page.before);
  return query.orderBy('ordinal', 'desc').limit(page.limit).execute();
}

export interface StateChange {
  readonly state: SearchStateName;
  /** google.rpc.Status. */
  readonly error?: Uint8Array;
  readonly policySha256?: string;
  /** HeldOutReport as protobuf JSON. */
  readonly heldOut?: unknown;
}

const FINAL: ReadonlySet<SearchStateName> = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED']);

export function isFinal(state: SearchStateName): boolean {
  return FINAL.has(state);
}

/** Moves a locked search to another state; a final one has no owner any more. */
export async function changeState(tx: Tx, ordinal: number, { state, error, policySha256, heldOut }: StateChange): Promise<SearchRow> {
  const row = await tx
    .updateTable('policy.search')
    .set({
      state,
      ...(error === undefined ? {} : { error }),
      ...(policySha256 === undefined ? {} : { policy_sha256: policySha256 }),
      ...(heldOut === undefined ? {} : { held_out: json(heldOut) }),
      ...(isFinal(state) ? { end_time: sql<Date>`clock_timestamp()` } : {}),
      ...(state === 'RUNNING' ? {} : { owner: null, lease_expires_at: null }),
      update_time: sql<Date>`clock_timestamp()`,
      revision: sql<number>`revision + 1`,
    })
    .where('ordinal', '=', ordinal)
    .returningAll()
    .executeTakeFirstOrThrow();
  await publishState(tx, row);
  return row;
}

/** Marks a locked search as deleted, and forgets the blobs it named; its rounds and steps are left to retention. */
export async function deleteSearch(tx: Tx, ordinal: number): Promise<void> {
  await tx
    .updateTable('policy.search')
    .set({ delete_time: sql<Date>`clock_timestamp()`, learner_state: '', weights: '', revision: sql<number>`revision + 1` })
    .where('ordinal', '=', ordinal)
    .execute();
}

/** Summaries of steps `from` and later, oldest first. */
export async function readSteps(reader: Reader, search: number, from: number, limit: number): Promise<readonly StepRow[]> {
  return reader.selectFrom('policy.step').selectAll().where('search', '=', search).where('step', '>=', from).orderBy('step').limit(limit).execute();
}
