import { architecture } from '@nat/contracts';
import { bindService, createContractRegistry, type BoundService, type ContractRegistry, type Logger } from '@nat/service';
import { migrateSchemas, type AnyDatabase, type Database, type MigrationMode, type ServiceSchema } from '@nat/storage';
import { createArchitectureHandlers } from './adapters/grpc/architecture-handlers.ts';
import { createCatalog } from './catalog.ts';
import { registryMigrations } from './migrations.ts';
import { forgetRequests } from './store.ts';
import type { RegistryTables } from './tables.ts';
import { createZooEntries } from './zoo-entries.ts';

export interface RegistryConfig {
  /** How long the answer to a `request_id` is kept, milliseconds. @default 7 days */
  readonly requestRetentionMs: number;
  /** How often older ones are removed, milliseconds. @default 1 hour */
  readonly forgetEveryMs: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;
export const DEFAULT_REGISTRY_CONFIG: RegistryConfig = { requestRetentionMs: 7 * DAY_MS, forgetEveryMs: DAY_MS / 24 };

/** What the registry keeps in its database. */
export const REGISTRY_SCHEMAS: readonly ServiceSchema[] = [{ service: 'registry', migrations: registryMigrations }];

export interface RegistryOptions {
  /** Stays open when the registry closes. */
  readonly database: AnyDatabase;
  readonly logger: Logger;
  readonly config?: Partial<RegistryConfig>;
  /** Whether tables that are missing are made, or refused. @default 'start' */
  readonly migrate?: MigrationMode;
  /** @default one of its own; building it takes 0.1 s */
  readonly descriptors?: ContractRegistry;
  /** Ids of architectures whose client chose none: lower-case letters, digits, -. @default random UUIDs */
  readonly newId?: () => string;
}

export interface Registry {
  /** ArchitectureService, for a server. */
  readonly services: readonly BoundService[];
  readonly close: () => Promise<void>;
}

/** The registry on a database: migrates its tables and gives its service. */
export async function composeRegistry(options: RegistryOptions): Promise<Registry> {
  const { logger, newId = () => crypto.randomUUID(), descriptors = createContractRegistry() } = options;
  const config = { ...DEFAULT_REGISTRY_CONFIG, ...options.config };
  await migrateSchemas(options.database, REGISTRY_SCHEMAS, options.migrate);
  const database: Database<RegistryTables> = options.database.as<RegistryTables>();
  const catalog = createCatalog({ database, zoo: createZooEntries(), newId });

  let forgetting = Promise.resolve();
  const forget = async (): Promise<void> => {
    try {
      const count = await forgetRequests(database, config.requestRetentionMs);
      if (count > 0) logger.debug({ count }, 'forgot answered requests');
    } catch (error) {
      logger.warn({ err: error }, 'answered requests could not be removed');
    }
  };
  const timer = setInterval(() => {
    forgetting = forgetting.then(forget);
  }, config.forgetEveryMs);
  timer.unref();

  return {
    services: [bindService(architecture.ArchitectureServiceDefinition, createArchitectureHandlers({ catalog, database, descriptors }))],
    close: async () => {
      clearInterval(timer);
      await forgetting;
    },
  };
}
