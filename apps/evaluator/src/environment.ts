import { loadConfig, serverEnvironment } from '@nat/service';
import { blobEnvironment, databaseEnvironment, housekeepingEnvironment, kafkaEnvironment } from '@nat/storage';
import { z } from 'zod';
import { DEFAULT_COORDINATOR_CONFIG } from './config.ts';

/** A fleet that grows with its queue takes minutes to have the worker that is missing. */
const FLEET_START_MS = 15 * 60_000;

const milliseconds = z.coerce.number().int().min(1);

/** The variables of a coordinator process. */
const schema = z
  .object({
    ...serverEnvironment,
    ...databaseEnvironment,
    ...housekeepingEnvironment,
    /** Without brokers, consumers read the outbox of the database. */
    ...kafkaEnvironment,
    /** Weights; with it, outcomes that name missing weights are refused. */
    ...blobEnvironment,
    NAT_LEASE_MS: milliseconds.default(DEFAULT_COORDINATOR_CONFIG.leaseMs),
    NAT_RENEW_MS: milliseconds.default(DEFAULT_COORDINATOR_CONFIG.renewMs),
    /** 0: an evaluation that no worker can run waits for ever. */
    NAT_NO_CAPABLE_WORKER_MS: z.coerce.number().int().min(0).default(FLEET_START_MS),
  })
  .refine((settings) => 2 * settings.NAT_RENEW_MS <= settings.NAT_LEASE_MS, { path: ['NAT_RENEW_MS'], message: 'must be at most half of NAT_LEASE_MS' });

/** Reads a coordinator's settings. @throws DomainError FAILED_PRECONDITION BAD_CONFIGURATION naming every bad variable */
export function readCoordinatorEnvironment(env: Readonly<Record<string, string | undefined>>): Readonly<z.output<typeof schema>> {
  return loadConfig(schema, env);
}
