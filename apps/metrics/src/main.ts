/** The metrics service as a process: settings from the environment, PostgreSQL. `--migrate` runs its migrations and ends. */
import {
  createLogger,
  createProcessRegistry,
  createServer,
  loadConfig,
  runMain,
  runMigrationOnly,
  runUntilSignal,
  serverEnvironment,
  serverProtection,
  startApp,
} from '@nat/service';
import { databaseEnvironment, isMigration, migrationEnvironment, openPostgres, postgresOptionsOf, runMigrations } from '@nat/storage';
import { z } from 'zod';
import { composeMetrics, METRICS_SCHEMAS } from './compose.ts';

await runMain('metrics', async () => {
  if (isMigration(process.argv)) return runMigrationOnly('metrics', migrationEnvironment, (settings) => runMigrations(settings, METRICS_SCHEMAS));
  const settings = loadConfig(
    z.object({
      ...serverEnvironment,
      ...databaseEnvironment,
    }),
    process.env,
  );
  const logger = createLogger({ name: 'metrics', level: settings.NAT_LOG_LEVEL });
  const registry = createProcessRegistry();

  const protection = serverProtection(settings);
  const database = await openPostgres(postgresOptionsOf(settings));
  const metrics = await composeMetrics({
    database,
    logger,
    registry,
    migrate: settings.NAT_MIGRATE,
    ...(settings.NAT_METRICS_PORT === undefined ? {} : { http: { host: settings.NAT_HOST, port: settings.NAT_METRICS_PORT, ...protection } }),
  });
  const app = await startApp({
    server: createServer({ services: metrics.services, logger, metrics: registry, ...protection }),
    listen: { host: settings.NAT_HOST, port: settings.NAT_PORT },
    logger,
    drainMs: settings.NAT_DRAIN_MS,
    lameDuckMs: settings.NAT_LAME_DUCK_MS,
    release: async () => {
      await metrics.close();
      await database.close();
    },
  });
  await runUntilSignal(app, logger);
});
