/** The metrics service as a process: settings from the environment, PostgreSQL. */
import { createLogger, createServer, loadConfig, runMain, runUntilSignal, serverEnvironment, serverProtection, startApp } from '@nat/service';
import { openPostgres } from '@nat/storage';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { z } from 'zod';
import { composeMetrics } from './compose.ts';

await runMain(async () => {
  const settings = loadConfig(
    z.object({
      ...serverEnvironment,
      NAT_DATABASE_URL: z.url(),
      NAT_DATABASE_CONNECTIONS: z.coerce.number().int().min(1).max(200).default(10),
      NAT_METRICS_PORT: z.coerce.number().int().min(0).max(65535).optional(),
    }),
    process.env,
  );
  const logger = createLogger({ name: 'metrics', level: settings.NAT_LOG_LEVEL });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const protection = serverProtection(settings);
  const database = await openPostgres({ url: settings.NAT_DATABASE_URL, maxConnections: settings.NAT_DATABASE_CONNECTIONS });
  const metrics = await composeMetrics({
    database,
    logger,
    registry,
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
