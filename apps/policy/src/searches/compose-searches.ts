import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { longrunning, search as searchWire } from '@nat/contracts';
import type { PolicyConfig } from '@nat/nat';
import { columnOf, loadNasBench201, type NasBench201Table } from '@nat/datasets';
import { bindService, type BoundService, type Logger, type PlatformClients } from '@nat/service';
import { openNotifier, type BlobStore, type Database, type Stream } from '@nat/storage';
import type { ArchitectureLookup } from '@nat/convert';
import type { BundledPolicy } from '../policies/bundled.ts';
import { versionNames } from '../policies/names.ts';
import type { PolicyLibrary } from '../policies/policy-library.ts';
import { findPolicy, findVersion, holdVersion } from '../policies/policy-store.ts';
import { OUTCOME_CHANNEL, subscribeOutcomes } from './evaluation/inbox.ts';
import { startLearnerProcess, type StartLearner } from './learner/learner-process.ts';
import { startMetricsRelay } from './metrics/metrics-relay.ts';
import { workOnOperation } from './operations/derive.ts';
import { createOperationHandlers } from './operations/operation-handlers.ts';
import { OPERATION_CHANNEL } from './operations/operation-store.ts';
import { createStartDerive } from './operations/start-derive.ts';
import { DEFAULT_RUNNER_CONFIG, type RunnerConfig } from './loop/config.ts';
import { startOwnerLoop } from './ownership/owner-loop.ts';
import { workOnSearch } from './loop/search-work.ts';
import type { StartingPolicy } from './contract/prepare-spec.ts';
import { createSearchHandlers } from './contract/search-handlers.ts';
import { SEARCH_CHANNEL } from './store/search-store.ts';
import type { SearchTables, Tx } from './store/tables.ts';

export interface SearchesOptions {
  readonly database: Database<SearchTables>;
  /** Where outcomes come from. */
  readonly stream: Stream;
  readonly blobs: BlobStore;
  readonly logger: Logger;
  readonly clients: Pick<PlatformClients, 'evaluations' | 'metrics'>;
  readonly library: PolicyLibrary;
  readonly bundled: ReadonlyMap<string, BundledPolicy>;
  readonly lookup: ArchitectureLookup;
  /** Where nasbench201.csv lies; absent: searches on it are refused. */
  readonly dataDirectory: string | undefined;
  /** This process among those of the same database. @default the one process of an embedded database, else a new name */
  readonly owner?: string;
  readonly config?: Partial<RunnerConfig>;
  readonly wrapLearner?: (start: StartLearner) => StartLearner;
}

export interface Searches {
  readonly services: readonly BoundService[];
  /** Stops searches where they stand; they go on wherever the database is opened next. */
  readonly close: () => Promise<void>;
}

/** SearchService and Operations, and the work behind them, on a migrated database. */
export async function composeSearches(options: SearchesOptions): Promise<Searches> {
  const { database, stream, blobs, logger, clients, library, bundled, lookup, dataDirectory } = options;
  const config: RunnerConfig = { ...DEFAULT_RUNNER_CONFIG, ...options.config };
  const owner = options.owner ?? (database.kind === 'pglite' ? 'embedded' : `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`);
  const newId = (): string => randomUUID().slice(0, 13);
  let table: NasBench201Table | undefined;
  const requireColumn = (column: string): void => {
    table ??= loadNasBench201(dataDirectory);
    columnOf(table, column);
  };

  // Closed in the reverse order of opening.
  const closers: (() => Promise<void>)[] = [];
  const outcomes = await openNotifier(database, OUTCOME_CHANNEL);
  closers.push(() => outcomes.close());
  const inbox = await subscribeOutcomes(database, stream);
  closers.push(() => inbox.close());
  const relay = await startMetricsRelay({ database, metrics: clients.metrics, logger });
  closers.push(relay.close);
  const { evaluations } = clients;
  const startLearner: StartLearner = (spec, checkpoint) => startLearnerProcess(spec, checkpoint, { dataDirectory });
  const shared = { database, blobs, evaluations, outcomes, config, logger };
  const loop = { database, owner, leaseMs: config.leaseMs, renewMs: config.renewMs, retryMs: config.retryMs, most: config.maxSearches, logger };
  const searchLoop = await startOwnerLoop({
    ...loop,
    table: 'policy.search',
    channel: SEARCH_CHANNEL,
    work: (ownership, signal) =>
      workOnSearch(
        {
          ...shared,
          startLearner: options.wrapLearner?.(startLearner) ?? startLearner,
          loadPolicy: (_, versionName) => readVersion(database, blobs, bundled, versionName),
        },
        ownership,
        signal,
      ),
  });
  closers.push(searchLoop.close);
  const operationLoop = await startOwnerLoop({
    ...loop,
    table: 'policy.operation',
    channel: OPERATION_CHANNEL,
    work: (ownership, signal) => workOnOperation({ ...shared, library }, ownership, signal),
  });
  closers.push(operationLoop.close);

  const holdPolicy = async (tx: Tx, versionName: string): Promise<void> => {
    const { namespace, policy, version } = versionNames.parse(versionName);
    if (!bundled.has(policy)) await holdVersion(tx, namespace, policy, Number(version));
  };
  const handlers = createSearchHandlers({
    database,
    blobs,
    evaluations,
    resolvePolicy: async (namespace, reference) => {
      const { versionName, policy } = await library.resolve(namespace, reference, undefined);
      return { versionName, encoder: encoderOf(policy.config) };
    },
    holdPolicy,
    bundledIds: new Set(bundled.keys()),
    requireColumn,
    startDerive: createStartDerive({ database, library, lookup, holdPolicy, requireColumn, newId }),
    newId,
    logger,
  });
  return {
    services: [
      bindService(searchWire.SearchServiceDefinition, handlers),
      bindService(longrunning.OperationsDefinition, createOperationHandlers({ database, evaluations, logger })),
    ],
    close: async () => {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}

/** What a specification calls an encoder; searches learn no other. */
function encoderOf(config: PolicyConfig): StartingPolicy['encoder'] {
  switch (config.encoder) {
    case 'edge':
      return { kind: 'edge-gnn', hidden: config.hidden, layers: config.layers };
    case 'pair':
      return { kind: 'gcn', embedding: config.embedding, features: config.features, hidden: config.hidden };
    case 'lstm':
      return undefined;
  }
}

/** The checkpoint of a policy version. */
async function readVersion(database: Database<SearchTables>, blobs: BlobStore, bundled: ReadonlyMap<string, BundledPolicy>, name: string): Promise<Uint8Array> {
  const { namespace, policy: id, version } = versionNames.parse(name);
  const own = bundled.get(id);
  if (own !== undefined) return own.bytes;
  const policy = await findPolicy(database.kysely, namespace, id);
  const { sha256 } = await findVersion(database.kysely, policy, Number(version));
  return blobs.get(sha256);
}
