import { policy as policyWire, transform as transformWire } from '@nat/contracts';
import { bindService, type BoundService, type Logger, type PlatformClients } from '@nat/service';
import {
  migrateSchemas,
  STORAGE_SCHEMA,
  type AnyDatabase,
  type BlobStore,
  type Database,
  type MigrationMode,
  type ServiceSchema,
  type Stream,
  DEFAULT_HOUSEKEEPING,
  startHousekeeping,
  type HousekeepingConfig,
} from '@nat/storage';
import { architectureFromSpec, type ArchitectureLookup } from '@nat/convert';
import { keepPolicyHouse } from './housekeeping.ts';
import type { Registry } from 'prom-client';
import { loadBundledPolicies } from './policies/bundled.ts';
import { POLICY_MIGRATIONS } from './migrations.ts';
import { createPolicyHandlers } from './policies/policy-handlers.ts';
import { PolicyLibrary } from './policies/policy-library.ts';
import { composeSearches } from './searches/compose-searches.ts';
import type { StartLearner } from './searches/learner/learner-process.ts';
import { findPolicyUse } from './searches/store/policy-use.ts';
import { exposeSearches } from './searches/metrics/search-metrics.ts';
import type { RunnerConfig } from './searches/loop/config.ts';
import type { SearchTables } from './searches/store/tables.ts';
import { createTransformHandlers } from './transforms/transform-handlers.ts';

/** What the policy service keeps in its database. */
export const POLICY_SCHEMAS: readonly ServiceSchema[] = [STORAGE_SCHEMA, { service: 'policy', migrations: POLICY_MIGRATIONS }];

export interface PolicyOptions {
  /** Stays open when the service closes. */
  readonly database: AnyDatabase;
  /** Where the outcomes of evaluations come from; opened with `PLATFORM_TOPICS`. */
  readonly stream: Stream;
  readonly blobs: BlobStore;
  readonly logger: Logger;
  /** The services this one calls; they may start later. */
  readonly clients: Pick<PlatformClients, 'architectures' | 'evaluations' | 'metrics'>;
  /** Where data sets lie; absent: searches that need one are refused. */
  readonly dataDirectory: string | undefined;
  /** This process among those of the same database. @default the one process of an embedded database, else a new name */
  readonly owner?: string;
  readonly runner?: Partial<RunnerConfig>;
  /** Where searches are measured. @default nowhere */
  readonly metricsRegistry?: Registry;
  /** How long old rows and unnamed blobs are kept. @default DEFAULT_HOUSEKEEPING */
  readonly housekeeping?: Partial<HousekeepingConfig>;
  /** Whether tables that are missing are made, or refused. @default 'start' */
  readonly migrate?: MigrationMode;
  /** Stands between the runner and the processes that learn. @default nothing does */
  readonly wrapLearner?: (start: StartLearner) => StartLearner;
}

export interface PolicyApp {
  /** TransformService, PolicyService, SearchService and Operations, for a server. */
  readonly services: readonly BoundService[];
  /** Stops searches where they stand; they go on wherever the database is opened next. */
  readonly close: () => Promise<void>;
}

/** The policy service on a database: migrates its tables, takes up its searches, and gives its services. */
export async function composePolicy(options: PolicyOptions): Promise<PolicyApp> {
  const { database, stream, blobs, logger, clients, dataDirectory, owner, runner, wrapLearner } = options;
  await migrateSchemas(database, POLICY_SCHEMAS, options.migrate);
  const tables: Database<SearchTables> = database.as<SearchTables>();
  if (options.metricsRegistry !== undefined) exposeSearches(options.metricsRegistry, tables);
  const bundled = await loadBundledPolicies();
  const library = new PolicyLibrary({ database: database.as(), blobs, bundled });
  const lookup = registryLookup(clients);
  const searches = await composeSearches({
    database: tables,
    stream,
    blobs,
    logger,
    clients,
    library,
    bundled,
    lookup,
    dataDirectory,
    ...(owner === undefined ? {} : { owner }),
    ...(runner === undefined ? {} : { config: runner }),
    ...(wrapLearner === undefined ? {} : { wrapLearner }),
  });
  const keeping = { ...DEFAULT_HOUSEKEEPING, ...options.housekeeping };
  const house = startHousekeeping(database, {
    name: 'policy',
    everyMs: keeping.everyMs,
    work: () => keepPolicyHouse({ database: tables, blobs, config: keeping, logger }),
    onError: (error) => {
      logger.warn({ err: error }, 'housekeeping failed');
    },
  });
  return {
    services: [
      bindService(transformWire.TransformServiceDefinition, createTransformHandlers({ library, lookup })),
      bindService(policyWire.PolicyServiceDefinition, createPolicyHandlers({ database: tables, blobs, bundled, findUse: findPolicyUse })),
      ...searches.services,
    ],
    close: async () => {
      await house.close();
      await searches.close();
    },
  };
}

/** Architectures by resource name come from the registry. */
function registryLookup({ architectures }: PolicyOptions['clients']): ArchitectureLookup {
  return async (name) => {
    const { spec, displayName } = await architectures.getArchitecture({ name });
    return architectureFromSpec(spec!, 'spec', displayName);
  };
}
