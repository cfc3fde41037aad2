/** The gateway as a process: one address that serves every contract, and forwards each call to a replica of the service that has it. */
import { clientConnection, clientEnvironment, createChannelTo, loadConfig, runServiceProcess, serverEnvironment } from '@nat/service';
import { z } from 'zod';
import { forwardService } from './forward.ts';
import { ROUTES } from './routes.ts';

const schema = z.object({
  ...serverEnvironment,
  ...clientEnvironment,
  /** Each `host:port`, a comma-separated list of replicas, or `dns:///name:port`. */
  NAT_REGISTRY: z.string(),
  NAT_POLICY: z.string(),
  NAT_EVALUATOR: z.string(),
  NAT_METRICS: z.string(),
});

await runServiceProcess({
  name: 'gateway',
  readSettings: (environment) => loadConfig(schema, environment),
  compose: ({ settings, logger, metrics, resources }) => {
    const addresses = { registry: settings.NAT_REGISTRY, policy: settings.NAT_POLICY, evaluator: settings.NAT_EVALUATOR, metrics: settings.NAT_METRICS };
    const services = (Object.keys(ROUTES) as (keyof typeof ROUTES)[]).flatMap((backend) => {
      const channel = createChannelTo(addresses[backend], { ...clientConnection(settings), logger, metrics });
      resources.defer(() => {
        channel.close();
      });
      return ROUTES[backend].map((definition) => forwardService(definition, channel));
    });
    return Promise.resolve({ services });
  },
});
