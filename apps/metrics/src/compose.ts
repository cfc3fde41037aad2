import { metrics } from '@nat/contracts';
import { bindService, startHttpEndpoint, type BoundService, type ListenAddress, type Logger, type Protection } from '@nat/service';
import { migrateSchemas, type AnyDatabase, type Database, type MigrationMode, type ServiceSchema } from '@nat/storage';
import { sql } from 'kysely';
import type { Registry } from 'prom-client';
import { exposeRuns } from './exposition.ts';
import { createMetricsHandlers } from './handlers.ts';
import { metricsMigrations } from './migrations.ts';
import type { MetricsTables } from './tables.ts';
import { startWatcher } from './watch.ts';

/** What the metrics service keeps in its database. */
export const METRICS_SCHEMAS: readonly ServiceSchema[] = [{ service: 'metrics', migrations: metricsMigrations }];

export interface MetricsOptions {
  /** Stays open when the service closes. */
  readonly database: AnyDatabase;
  readonly logger: Logger;
  /** What /metrics shows: runs are added to whatever is registered already. */
  readonly registry: Registry;
  /** Where /metrics and /healthz are served; absent: nowhere. */
  readonly http?: ListenAddress & Protection;
  /** Open watches ask the database this often without a wake-up. @default 1 s */
  readonly pollMs?: number;
  /** Whether tables that are missing are made, or refused. @default 'start' */
  readonly migrate?: MigrationMode;
  /** Stamps points that come without a time. @default the wall clock */
  readonly clock?: () => Date;
}

export interface Metrics {
  /** MetricsService, for a server. */
  readonly services: readonly BoundService[];
  /** Of the HTTP endpoint, where there is one. */
  readonly httpPort: number | undefined;
  readonly close: () => Promise<void>;
}

/** The metrics service on a database: migrates its tables, gives its service, serves HTTP. */
export async function composeMetrics({
  database,
  logger,
  registry,
  http,
  pollMs = 1_000,
  clock = () => new Date(),
  migrate,
}: MetricsOptions): Promise<Metrics> {
  await migrateSchemas(database, METRICS_SCHEMAS, migrate);
  const tables: Database<MetricsTables> = database.as<MetricsTables>();
  const watcher = await startWatcher({ database: tables, pollMs });
  exposeRuns(registry, tables);
  const healthy = async (): Promise<boolean> => {
    try {
      await sql`SELECT 1`.execute(tables.kysely);
      return true;
    } catch (error) {
      logger.warn({ err: error }, 'the database does not answer');
      return false;
    }
  };
  const { host, port, ...protection } = http ?? {};
  const endpoint =
    host === undefined || port === undefined ? undefined : await startHttpEndpoint({ registry, listen: { host, port }, healthy, logger, ...protection });
  return {
    services: [bindService(metrics.MetricsServiceDefinition, createMetricsHandlers({ database: tables, watcher, clock }))],
    httpPort: endpoint?.port,
    close: async () => {
      await endpoint?.close();
      await watcher.close();
    },
  };
}
