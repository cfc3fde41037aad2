/** The registry as a process of its own, on a PostgreSQL server. `--migrate` runs its migrations and ends. */
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
  startProcessEndpoint,
} from '@nat/service';
import { answers, databaseEnvironment, isMigration, migrationEnvironment, openPostgres, postgresOptionsOf, runMigrations } from '@nat/storage';
import { z } from 'zod';
import { composeRegistry, REGISTRY_SCHEMAS } from './compose.ts';

await runMain('registry', async () => {
  if (isMigration(process.argv)) return runMigrationOnly('registry', migrationEnvironment, (settings) => runMigrations(settings, REGISTRY_SCHEMAS));
  const config = loadConfig(z.object({ ...serverEnvironment, ...databaseEnvironment }), process.env);
  const protection = serverProtection(config);
  const logger = createLogger({ name: 'registry', level: config.NAT_LOG_LEVEL });
  const database = await openPostgres(postgresOptionsOf(config));
  const metrics = createProcessRegistry();
  const registry = await composeRegistry({ database, logger, migrate: config.NAT_MIGRATE });
  const server = createServer({ services: registry.services, logger, metrics, ...protection });
  const http = await startProcessEndpoint({
    host: config.NAT_HOST,
    port: config.NAT_METRICS_PORT,
    registry: metrics,
    healthy: () => answers(database),
    logger,
    ...protection,
  });
  const app = await startApp({
    server,
    listen: { host: config.NAT_HOST, port: config.NAT_PORT },
    logger,
    drainMs: config.NAT_DRAIN_MS,
    lameDuckMs: config.NAT_LAME_DUCK_MS,
    release: async () => {
      await http.close();
      await registry.close();
      await database.close();
    },
  });
  await runUntilSignal(app, logger);
});
