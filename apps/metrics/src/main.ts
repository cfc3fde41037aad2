/** The metrics service as a process: settings from the environment, PostgreSQL. `--migrate` runs its migrations and ends. */
import { loadConfig, runServiceProcess, serverEnvironment } from '@nat/service';
import { isReachable, databaseEnvironment, migrationsOf, openPostgres, postgresOptionsOf } from '@nat/storage';
import { z } from 'zod';
import { composeMetrics, METRICS_SCHEMAS } from './compose.ts';

await runServiceProcess({
  name: 'metrics',
  readSettings: (environment) => loadConfig(z.object({ ...serverEnvironment, ...databaseEnvironment }), environment),
  migrations: migrationsOf(METRICS_SCHEMAS),
  compose: async ({ settings, logger, metrics: registry, resources }) => {
    const database = await openPostgres(postgresOptionsOf(settings));
    resources.defer(() => database.close());
    const metrics = await composeMetrics({ database, logger, registry, migrate: settings.NAT_MIGRATE });
    resources.defer(() => metrics.close());
    return { services: metrics.services, healthy: () => isReachable(database) };
  },
});
