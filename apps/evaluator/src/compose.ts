import { evaluation } from '@nat/contracts';
import { bindService, type BoundService, type Logger } from '@nat/service';
import {
  migrateSchemas,
  STORAGE_SCHEMA,
  type AnyDatabase,
  type BlobStore,
  type Database,
  type MigrationMode,
  type ServiceSchema,
  DEFAULT_HOUSEKEEPING,
  startHousekeeping,
  type HousekeepingConfig,
} from '@nat/storage';
import type { Registry } from 'prom-client';
import { DEFAULT_COORDINATOR_CONFIG, type CoordinatorConfig } from './config.ts';
import { startCoordinator } from './coordinator.ts';
import { enforceRetention } from './retention.ts';
import { createEvaluationHandlers } from './grpc/evaluation-handlers.ts';
import { createWorkerHandlers } from './grpc/worker-handlers.ts';
import { evaluatorMigrations } from './tables/migrations.ts';
import type { EvaluatorTables } from './tables/tables.ts';

/** What the coordinator keeps in its database. */
export const EVALUATOR_SCHEMAS: readonly ServiceSchema[] = [STORAGE_SCHEMA, { service: 'evaluator', migrations: evaluatorMigrations }];

export interface EvaluatorOptions {
  /** Stays open when the evaluator closes. */
  readonly database: AnyDatabase;
  readonly logger: Logger;
  /** @default DEFAULT_COORDINATOR_CONFIG */
  readonly config?: Partial<CoordinatorConfig>;
  /** Where workers put weights; with it, outcomes that name missing weights are refused. */
  readonly blobs?: BlobStore;
  /** Whether tables that are missing are made, or refused. @default 'start' */
  readonly migrate?: MigrationMode;
  /** How long ended evaluations are kept. @default DEFAULT_HOUSEKEEPING */
  readonly housekeeping?: Partial<HousekeepingConfig>;
  /** Where the coordinator's measures are registered. */
  readonly registry?: Registry;
}

export interface Evaluator {
  /** EvaluationService and WorkerService, for a server. */
  readonly services: readonly BoundService[];
  /** Answers waiting workers and ends background work. Call it before the server drains. */
  readonly close: () => Promise<void>;
}

/**
 * The evaluation coordinator on a database: migrates its tables, starts its reaper, gives its services. Outcomes and observations
 * are published through the outbox; whoever owns the stream of the database relays them.
 */
export async function composeEvaluator({
  database,
  logger,
  config: overrides = {},
  blobs,
  registry,
  migrate,
  housekeeping,
}: EvaluatorOptions): Promise<Evaluator> {
  const config = { ...DEFAULT_COORDINATOR_CONFIG, ...overrides };
  await migrateSchemas(database, EVALUATOR_SCHEMAS, migrate);
  const tables: Database<EvaluatorTables> = database.as<EvaluatorTables>();
  const coordinator = await startCoordinator({ database: tables, config, logger, registry });
  const { everyMs, retentionMs } = { ...DEFAULT_HOUSEKEEPING, ...housekeeping };
  const retention = startHousekeeping(database, {
    name: 'evaluator',
    everyMs,
    work: async () => {
      const evaluations = await enforceRetention(tables, retentionMs, blobs);
      if (evaluations > 0) logger.info({ evaluations }, 'evaluations that ended long ago are gone');
    },
    onError: (error) => {
      logger.warn({ err: error }, 'housekeeping failed');
    },
  });
  return {
    services: [
      bindService(
        evaluation.EvaluationServiceDefinition,
        createEvaluationHandlers({ coordinator, database: tables, workerTimeoutMs: config.workerTimeoutMs, blobs }),
      ),
      bindService(evaluation.WorkerServiceDefinition, createWorkerHandlers({ coordinator, database: tables, blobs, config })),
    ],
    close: async () => {
      await retention.close();
      await coordinator.close();
    },
  };
}
