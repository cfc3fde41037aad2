import type { evaluation } from '@nat/contracts';
import { fromDuration } from '@nat/convert';
import { retry, type RetryPolicy } from '@nat/base/retry';
import type { Logger } from '@nat/service';

export interface RegistrationOptions {
  readonly register: () => Promise<evaluation.RegisterWorkerResponse>;
  readonly policy: RetryPolicy;
  readonly random: () => number;
  /** Aborts when this worker gives up waiting for the server. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** The registration of a worker with its server, which may be away or may have forgotten it. */
export interface Registration {
  /** Resolves when the server first took the registration; never where the worker gives up before that. */
  readonly registered: Promise<void>;
  /** Registers again, once however many calls find out that it is missing. Resolves when the server took it, or when the worker gives up. */
  readonly renew: () => Promise<void>;
  /** How often leases are to be renewed, milliseconds, as the server says. */
  readonly renewMs: () => number;
}

const DEFAULT_RENEW_MS = 5_000;
const LEAST_RENEW_MS = 50;

/** Registers a worker, again and again until the server answers. */
export function startRegistration({ register, policy, random, signal, logger }: RegistrationOptions): Registration {
  let renewMs = DEFAULT_RENEW_MS;
  let running: Promise<void> | undefined;
  const first = Promise.withResolvers<undefined>();

  const registerNow = async (): Promise<void> => {
    try {
      const { renewInterval } = await retry(policy, register, {
        random,
        signal,
        retryable: () => true,
        onRetry: ({ error, pauseMs }) => {
          logger.warn({ err: error, pauseMs }, 'the server did not take the registration yet');
        },
      });
      renewMs = Math.max(LEAST_RENEW_MS, fromDuration(renewInterval));
      logger.info('registered');
      first.resolve(undefined);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  };
  const renew = (): Promise<void> =>
    (running ??= registerNow().finally(() => {
      running = undefined;
    }));
  void renew();
  return { registered: first.promise, renew, renewMs: () => renewMs };
}
