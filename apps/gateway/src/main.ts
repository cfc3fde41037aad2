/** The gateway as a process: one address that serves every contract, and forwards each call to a replica of the service that has it. */
import {
  clientConnection,
  clientEnvironment,
  createChannelTo,
  createLogger,
  createProcessRegistry,
  createServer,
  loadConfig,
  runMain,
  runUntilSignal,
  serverEnvironment,
  serverProtection,
  startApp,
  startProcessEndpoint,
} from '@nat/service';
import { z } from 'zod';
import { forwardService } from './forward.ts';
import { ROUTES } from './routes.ts';

await runMain('gateway', async () => {
  const settings = loadConfig(
    z.object({
      ...serverEnvironment,
      ...clientEnvironment,
      /** Each `host:port`, a comma-separated list of replicas, or `dns:///name:port`. */
      NAT_REGISTRY: z.string(),
      NAT_POLICY: z.string(),
      NAT_EVALUATOR: z.string(),
      NAT_METRICS: z.string(),
    }),
    process.env,
  );
  const protection = serverProtection(settings);
  const logger = createLogger({ name: 'gateway', level: settings.NAT_LOG_LEVEL });
  const metrics = createProcessRegistry();
  const open = (address: string) => createChannelTo(address, { ...clientConnection(settings), logger, metrics });
  const channels = {
    registry: open(settings.NAT_REGISTRY),
    policy: open(settings.NAT_POLICY),
    evaluator: open(settings.NAT_EVALUATOR),
    metrics: open(settings.NAT_METRICS),
  };
  const services = (Object.keys(ROUTES) as (keyof typeof ROUTES)[]).flatMap((backend) =>
    ROUTES[backend].map((definition) => forwardService(definition, channels[backend])),
  );
  const http = await startProcessEndpoint({
    host: settings.NAT_HOST,
    port: settings.NAT_METRICS_PORT,
    registry: metrics,
    healthy: () => Promise.resolve(true),
    logger,
    ...protection,
  });
  const app = await startApp({
    server: createServer({ services, logger, metrics, ...protection }),
    listen: { host: settings.NAT_HOST, port: settings.NAT_PORT },
    logger,
    drainMs: settings.NAT_DRAIN_MS,
    lameDuckMs: settings.NAT_LAME_DUCK_MS,
    release: async () => {
      await http.close();
      for (const channel of Object.values(channels)) channel.close();
    },
  });
  await runUntilSignal(app, logger);
});
