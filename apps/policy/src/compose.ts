import { policy as policyWire, transform as transformWire } from '@nat/contracts';
import { bindService, type BoundService, type Logger, type PlatformClients } from '@nat/service';
import { migrate, type AnyDatabase, type BlobStore, type Database } from '@nat/storage';
import { architectureFromSpec, type ArchitectureLookup } from '@nat/wire';
import { loadBundledPolicies } from './policies/bundled.ts';
import { policyMigrations } from './policies/migrations.ts';
import { createPolicyHandlers } from './policies/policy-handlers.ts';
import { PolicyLibrary } from './policies/policy-library.ts';
import type { PolicyTables } from './policies/tables.ts';
import { createTransformHandlers } from './transforms/transform-handlers.ts';

export interface PolicyOptions {
  /** Stays open when the service closes. */
  readonly database: AnyDatabase;
  readonly blobs: BlobStore;
  readonly logger: Logger;
  /** The services this one calls; they may start later. */
  readonly clients: Pick<PlatformClients, 'architectures' | 'evaluations' | 'metrics'>;
}

export interface PolicyApp {
  /** TransformService, PolicyService, SearchService and Operations, for a server. */
  readonly services: readonly BoundService[];
  /** Stops searches at a step's end; they go on wherever the database is opened next. */
  readonly close: () => Promise<void>;
}

/** The policy service on a database: migrates its tables and gives its services. */
export async function composePolicy({ database, blobs, clients }: PolicyOptions): Promise<PolicyApp> {
  await migrate(database, 'policy', policyMigrations);
  const tables: Database<PolicyTables> = database.as<PolicyTables>();
  const bundled = await loadBundledPolicies();
  const library = new PolicyLibrary({ database: tables, blobs, bundled });
  return {
    services: [
      bindService(transformWire.TransformServiceDefinition, createTransformHandlers({ library, lookup: registryLookup(clients) })),
      bindService(policyWire.PolicyServiceDefinition, createPolicyHandlers({ database: tables, blobs, bundled })),
    ],
    close: () => Promise.resolve(),
  };
}

/** Architectures by resource name come from the registry. */
function registryLookup({ architectures }: PolicyOptions['clients']): ArchitectureLookup {
  return async (name) => {
    const { spec, displayName } = await architectures.getArchitecture({ name });
    return architectureFromSpec(spec!, 'spec', displayName);
  };
}
