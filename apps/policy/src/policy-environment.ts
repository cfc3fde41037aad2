import { DomainError } from '@nat/base/errors';
import { clientConnection, clientEnvironment, loadConfig, serverEnvironment, type ClientChannelOptions } from '@nat/service';
import { blobEnvironment, databaseEnvironment, housekeepingEnvironment, kafkaEnvironment } from '@nat/storage';
import { z } from 'zod';
import { DEFAULT_RUNNER_CONFIG, type RunnerConfig } from './searches/loop/config.ts';

const milliseconds = z.coerce.number().int().min(1);

/** The variables of a policy process. */
const schema = z.object({
  ...serverEnvironment,
  ...databaseEnvironment,
  ...housekeepingEnvironment,
  /** Without brokers, outcomes are read from the outbox of the database, which is then the evaluator's too. */
  ...kafkaEnvironment,
  /** Learner states, policies and weights, shared with evaluator and workers. */
  ...blobEnvironment,
  NAT_DATA_DIR: z.string().optional(),
  /** Searches learned at the same time in this process. */
  NAT_MAX_SEARCHES: z.coerce.number().int().min(1).max(64).default(DEFAULT_RUNNER_CONFIG.maxSearches),
  /** A search whose owner is silent for so long goes to another replica. */
  NAT_SEARCH_LEASE_MS: milliseconds.default(DEFAULT_RUNNER_CONFIG.leaseMs),
  NAT_SEARCH_RENEW_MS: milliseconds.default(DEFAULT_RUNNER_CONFIG.renewMs),
  /** Evaluations of which nothing was heard are asked after this often. */
  NAT_SWEEP_MS: milliseconds.default(DEFAULT_RUNNER_CONFIG.sweepMs),
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
  readonly runner: Partial<RunnerConfig>;
}

/** Reads the settings of a policy process. @throws DomainError FAILED_PRECONDITION BAD_CONFIGURATION naming every bad variable */
export function readPolicyEnvironment(env: Readonly<Record<string, string | undefined>>): PolicyEnvironment {
  const settings = loadConfig(schema, env);
  const { NAT_MAX_SEARCHES: maxSearches, NAT_SEARCH_LEASE_MS: leaseMs, NAT_SEARCH_RENEW_MS: renewMs, NAT_SWEEP_MS: sweepMs } = settings;
  if (2 * renewMs > leaseMs) {
    throw new DomainError('FAILED_PRECONDITION', 'NAT_SEARCH_RENEW_MS must be at most half of NAT_SEARCH_LEASE_MS', { reason: 'BAD_CONFIGURATION' });
  }
  return { settings, connection: clientConnection(settings), runner: { maxSearches, leaseMs, renewMs, sweepMs } };
}
