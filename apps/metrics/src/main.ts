/** The metrics service as a process: settings from the environment, PostgreSQL. `--migrate` runs its migrations and ends. */
import { createLogger, createServer, loadConfig, runMain, runUntilSignal, serverEnvironment, serverProtection, startApp } from '@nat/service';
import { databaseEnvironment, isMigration, migrationEnvironment, openPostgres, postgresOptionsOf, runMigrations } from '@nat/storage';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { z } from 'zod';
import { composeMetrics, METRICS_SCHEMAS } from './compose.ts';

await runMain(async () => {
  if (isMigration(process.argv)) {
    const { NAT_LOG_LEVEL: level, ...settings } = loadConfig(
      z.object({ ...migrationEnvironment, NAT_LOG_LEVEL: serverEnvironment.NAT_LOG_LEVEL }),
      process.env,
    );
    createLogger({ name: 'metrics', level }).info({ done: await runMigrations(settings, METRICS_SCHEMAS) }, 'migrated');
    return;
  }
  const settings = loadConfig(
    z.object({
      ...serverEnvironment,
      ...databaseEnvironment,
      NAT_METRICS_PORT: z.coerce.number().int().min(0).max(65535).optional(),
    }),
    process.env,
  );
  const logger = createLogger({ name: 'metrics', level: settings.NAT_LOG_LEVEL });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

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
    server: createServer({ services: metrics.services, logger, ...protection }),
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
