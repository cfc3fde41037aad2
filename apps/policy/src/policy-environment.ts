import { clientConnection, clientEnvironment, loadConfig, serverEnvironment, type ClientChannelOptions } from '@nat/service';
import { blobEnvironment } from '@nat/storage';
import { z } from 'zod';

/** The variables of a policy process. */
const schema = z.object({
  ...serverEnvironment,
  /** PostgreSQL. */
  NAT_DATABASE_URL: z.url(),
  NAT_DATABASE_CONNECTIONS: z.coerce.number().int().min(1).max(200).default(10),
  /** Comma-separated `host:port`; without it, outcomes are read from the outbox of the database, which is then the evaluator's too. */
  NAT_KAFKA_BROKERS: z.string().optional(),
  /** Stands before the names of topics and groups; the same in every process of a platform. */
  NAT_KAFKA_PREFIX: z.string().default(''),
  /** Learner states, policies and weights, shared with evaluator and workers. */
  ...blobEnvironment,
  NAT_DATA_DIR: z.string().optional(),
  /** `host:port` of the services that this one calls. */
  NAT_REGISTRY: z.string(),
  NAT_EVALUATOR: z.string(),
  NAT_METRICS: z.string(),
  ...clientEnvironment,
});

export interface PolicyEnvironment {
  readonly settings: Readonly<z.output<typeof schema>>;
  /** For the channels to the other services. */
  readonly connection: ClientChannelOptions;
}

/** Reads the settings of a policy process. @throws DomainError FAILED_PRECONDITION BAD_CONFIGURATION naming every bad variable */
export function readPolicyEnvironment(env: Readonly<Record<string, string | undefined>>): PolicyEnvironment {
  const settings = loadConfig(schema, env);
  return { settings, connection: clientConnection(settings) };
}
