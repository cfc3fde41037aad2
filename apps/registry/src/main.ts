/** The registry as a process of its own, on a PostgreSQL server. */
import { createLogger, createServer, loadConfig, runMain, runUntilSignal, serverEnvironment, serverProtection, startApp } from '@nat/service';
import { openPostgres } from '@nat/storage';
import { z } from 'zod';
import { composeRegistry } from './compose.ts';

await runMain(async () => {
  const config = loadConfig(
    z.object({ ...serverEnvironment, NAT_DATABASE_URL: z.url(), NAT_DATABASE_CONNECTIONS: z.coerce.number().int().min(1).max(200).default(10) }),
    process.env,
  );
  const protection = serverProtection(config);
  const logger = createLogger({ name: 'registry', level: config.NAT_LOG_LEVEL });
  const database = await openPostgres({ url: config.NAT_DATABASE_URL, maxConnections: config.NAT_DATABASE_CONNECTIONS });
  const registry = await composeRegistry({ database, logger });
  const server = createServer({ services: registry.services, logger, ...protection });
  const app = await startApp({
    server,
    listen: { host: config.NAT_HOST, port: config.NAT_PORT },
    logger,
    drainMs: config.NAT_DRAIN_MS,
    lameDuckMs: config.NAT_LAME_DUCK_MS,
    release: async () => {
      await registry.close();
      await database.close();
    },
  });
  await runUntilSignal(app, logger);
});
