import { search as wire } from '@nat/contracts';
import { DomainError, isDomainError } from '@nat/base/errors';
import { freshStart, type EffectiveSearchSpec } from '@nat/nat';
import {
  decodePageToken,
  encodePageToken,
  namespaceNames,
  pageSize as sizeOf,
  parseFilter,
  requestOnce,
  requireEtag,
  type Logger,
  type PlatformClients,
  type ServiceContext,
} from '@nat/service';
import { openNotifier, type BlobStore, type Database } from '@nat/storage';
import { formatTraceparent } from '@nat/base/tracing';
import { z } from 'zod';
import { requestStore } from '../../policies/policy-handlers.ts';
import { unwrapLearnerState, wrapLearnerState } from '../store/learner-state.ts';
import { searchNames } from '../names.ts';
import type { StartDerive } from '../operations/start-derive.ts';
import { changeState, findSearch, insertSearch, isFinal, listSearches, lockSearch, SEARCH_CHANNEL } from '../store/search-store.ts';
import { etagOf, searchToWire, stateNamed } from '../store/search-wire.ts';
import type { SearchRow, SearchStateName, SearchTables, Tx } from '../store/tables.ts';
import { listTrials } from '../store/trial-store.ts';
import { searchSpecToWire } from '../store/search-spec-converter.ts';
import { readEffectiveSpec, writeEffectiveSpec } from '../store/stored-spec.ts';
import { removeSearch } from './delete-search.ts';
import { forkedSpec, prepareSpec, type PrepareOptions } from './prepare-spec.ts';
import { watchSearch } from './watch-search.ts';

export interface SearchHandlersOptions extends PrepareOptions {
  readonly database: Database<SearchTables>;
  readonly blobs: BlobStore;
  readonly evaluations: PlatformClients['evaluations'];
  /** Keeps a version from being deleted until the transaction ends. Throws NOT_FOUND when it is gone. */
  readonly holdPolicy: (tx: Tx, versionName: string) => Promise<void>;
  /** Ids of the policies that come with the platform. */
  readonly bundledIds: ReadonlySet<string>;
  readonly startDerive: StartDerive;
  /** An id for a search that was given none. */
  readonly newId: () => string;
  readonly logger: Logger;
  /** Open watches look this often without being woken. @default 1 s */
  readonly pollMs?: number;
}

/** SearchService. */
export function createSearchHandlers(options: SearchHandlersOptions): wire.SearchServiceImplementation<ServiceContext> {
  const { database, blobs, evaluations, startDerive, newId, logger, pollMs = 1_000 } = options;
  const wakeAll = (): void => {
    database.signal(SEARCH_CHANNEL);
  };

  /** A search names its policy like itself. */
  const requireFreeId = async (tx: Tx, namespace: string, searchId: string): Promise<void> => {
    const taken = await tx.selectFrom('policy.policy').select('search').where('namespace', '=', namespace).where('policy_id', '=', searchId).executeTakeFirst();
    const own = searchNames.format({ namespace, search: searchId });
    if (options.bundledIds.has(searchId) || (taken !== undefined && taken.search !== own)) {
      throw new DomainError('ALREADY_EXISTS', `a policy is named ${searchId}: the search's own would be too`, { reason: 'POLICY_EXISTS' });
    }
  };

  /** Changes a search's state under its lock, unless it has the state already. */
  const move = async (
    { name, etag }: { readonly name: string; readonly etag: string },
    to: SearchStateName,
    from: readonly SearchStateName[],
  ): Promise<{ readonly row: SearchRow; readonly changed: boolean }> => {
    const { namespace, search } = searchNames.parse(name);
    const moved = await database.transaction(async (tx) => {
      const row = await lockSearch(tx, namespace, search);
      if (row.state === to) return { row, changed: false };
      requireEtag(etag, etagOf(row), name);
      if (!from.includes(row.state)) {
        throw new DomainError('FAILED_PRECONDITION', `search ${search} is ${row.state}`, { reason: 'SEARCH_STATE', metadata: { state: row.state } });
      }
      return { row: await changeState(tx, row.ordinal, { state: to }), changed: true };
    });
    if (moved.changed) wakeAll();
    return moved;
  };

  return {
    createSearch: async (request, { trace }) => {
      const { parent, spec, searchId: wanted, requestId, validateOnly } = request;
      const { namespace } = namespaceNames.parse(parent, 'parent');
      const effective = await prepareSpec(spec!, namespace, options);
      const searchId = wanted === '' ? newId() : wanted;
      if (validateOnly) return previewOf(namespace, searchId, spec!, effective);
      const response = await database.transaction((tx) =>
        requestOnce(
          { requestId, scope: `CreateSearch:${parent}`, request, requestType: wire.CreateSearchRequest, responseType: wire.Search, store: requestStore(tx) },
          async () => {
            await requireFreeId(tx, namespace, searchId);
            if (effective.policy.initialPolicy !== undefined) await options.holdPolicy(tx, effective.policy.initialPolicy);
            const specs = { spec: wire.SearchSpec.toJSON(spec!), effectiveSpec: writeEffectiveSpec(effective) };
            const search = { namespace, searchId, ...specs, traceparent: formatTraceparent(trace) };
            return searchToWire(await insertSearch(tx, search));
          },
        ),
      );
      wakeAll();
      return response;
    },

    getSearch: async ({ name }) => {
      const { namespace, search } = searchNames.parse(name);
      return searchToWire(await findSearch(database.kysely, namespace, search));
    },

    listSearches: async ({ parent, pageSize, pageToken, filter }) => {
      const { namespace } = namespaceNames.parse(parent, 'parent');
      const terms = parseFilter(filter, (field) => field === 'state', 'state');
      const wanted = terms.find(({ field }) => field === 'state')?.value;
      const state = wanted === undefined ? undefined : stateNamed(wanted);
      if (wanted !== undefined && state === undefined) throw DomainError.invalid('filter', `${wanted} is no state of a search`, 'INVALID_FILTER');
      const scope = { list: 'searches', parent, filter };
      const limit = sizeOf(pageSize);
      const rows = await listSearches(database.kysely, { namespace, state, before: decodePageToken(pageToken, scope, z.int()), limit: limit + 1 });
      const page = rows.slice(0, limit);
      return { searches: page.map(searchToWire), nextPageToken: rows.length > limit ? encodePageToken(page.at(-1)!.ordinal, scope) : '' };
    },

    watchSearch: async function* ({ name, fromStep }, { signal }) {
      const { namespace, search } = searchNames.parse(name);
      const changes = await openNotifier(database, SEARCH_CHANNEL);
      try {
        yield* watchSearch(database.kysely, { namespace, searchId: search, fromStep, changes: changes.waiter(), pollMs, signal });
      } finally {
        await changes.close();
      }
    },

    pauseSearch: async (request) => searchToWire((await move(request, 'PAUSED', ['RUNNING'])).row),

    resumeSearch: async (request) => searchToWire((await move(request, 'RUNNING', ['PAUSED'])).row),

    cancelSearch: async (request) => {
      const { row, changed } = await move(request, 'CANCELLED', ['RUNNING', 'PAUSED']);
      if (changed) {
        // Its workers would do no harm, only waste: the search has ended whether this is heard or not.
        const { namespace } = row;
        await evaluations
          .cancelEvaluations({ parent: namespaceNames.format({ namespace }), search: request.name, reason: 'SEARCH_CANCELLED' })
          .catch((error: unknown) => {
            logger.warn({ err: error, search: request.name }, 'the evaluations of a cancelled search go on');
          });
      }
      return searchToWire(row);
    },

    deleteSearch: async ({ name, etag, allowMissing }) => {
      await database
        .transaction((tx) => removeSearch(tx, name, etag))
        .catch((error: unknown) => {
          if (!allowMissing || !isDomainError(error) || error.kind !== 'NOT_FOUND') throw error;
        });
      return {};
    },

    forkSearch: async (request, { trace }) => {
      const { name, searchId: wanted, steps, seed, requestId } = request;
      const { namespace, search } = searchNames.parse(name);
      const parent = namespaceNames.format({ namespace });
      const row = await findSearch(database.kysely, namespace, search);
      const parentSpec = readEffectiveSpec(row);
      const searchId = wanted === '' ? newId() : wanted;
      if (row.learner_state === '') throw new DomainError('FAILED_PRECONDITION', `search ${search} has learned nothing yet`, { reason: 'NOTHING_LEARNED' });
      // Read before it can be superseded and deleted: a search that learns on meanwhile is asked again.
      const learned = await readLearned(database, blobs, row);
      const start = wrapLearnerState({ search: searchNames.format({ namespace, search: searchId }), epoch: 0, step: 0 }, freshStart(learned));
      const learnerState = await blobs.put(start);
      const effective = forkedSpec(parentSpec, steps, seed);
      const response = await database.transaction((tx) =>
        requestOnce(
          { requestId, scope: `ForkSearch:${parent}`, request, requestType: wire.ForkSearchRequest, responseType: wire.Search, store: requestStore(tx) },
          async () => {
            await requireFreeId(tx, namespace, searchId);
            // Locked, so that it does not delete its weights before the fork names them. Another seed is another supernet.
            const weights = effective.seed === parentSpec.seed ? (await lockSearch(tx, namespace, search)).weights : '';
            const effectiveSpec = writeEffectiveSpec(effective);
            const own = { namespace, searchId, spec: effectiveSpec, effectiveSpec, traceparent: formatTraceparent(trace) };
            return searchToWire(await insertSearch(tx, { ...own, learnerState, weights, forkedFrom: name }));
          },
        ),
      );
      wakeAll();
      return response;
    },

    listTrials: async ({ parent, pageSize, pageToken, filter }) => {
      const { namespace, search } = searchNames.parse(parent, 'parent');
      const row = await findSearch(database.kysely, namespace, search);
      const terms = parseFilter(filter, (field) => field === 'round', 'round');
      const round = terms.find(({ field }) => field === 'round')?.value;
      if (round !== undefined && !/^\d{1,9}$/.test(round)) throw DomainError.invalid('filter', `${round} is no round`, 'INVALID_FILTER');
      const scope = { list: 'trials', parent, filter };
      const limit = sizeOf(pageSize);
      const trials = await listTrials(database.kysely, row, {
        round: round === undefined ? undefined : Number(round),
        after: decodePageToken(pageToken, scope, z.object({ round: z.int(), index: z.int() })),
        limit: limit + 1,
      });
      const page = trials.slice(0, limit);
      const last = page.at(-1);
      const more = trials.length > limit && last !== undefined;
      return { trials: page, nextPageToken: more ? encodePageToken({ round: last.round, index: last.index }, scope) : '' };
    },

    deriveArchitecture: (request, { trace }) => startDerive(request, formatTraceparent(trace)),
  };
}

/** The policy that a search has now, also while it goes on learning. */
async function readLearned(database: Database<SearchTables>, blobs: BlobStore, row: SearchRow): Promise<Uint8Array> {
  for (let current = row; ;) {
    try {
      return unwrapLearnerState(await blobs.get(current.learner_state));
    } catch (error) {
      const latest = await findSearch(database.kysely, row.namespace, row.search_id);
      if (latest.learner_state === current.learner_state || isFinal(latest.state)) throw error;
      current = latest;
    }
  }
}

/** What `validate_only` shows: the search as it would be. */
function previewOf(namespace: string, searchId: string, spec: wire.SearchSpec, effective: EffectiveSearchSpec): wire.Search {
  return wire.Search.create({ name: searchNames.format({ namespace, search: searchId }), searchId, spec, effectiveSpec: searchSpecToWire(effective) });
}
