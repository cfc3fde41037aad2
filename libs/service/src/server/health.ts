import type { health } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import type { ServiceCallContext } from './call-context.ts';

type Status = health.HealthCheckResponse_ServingStatus;

/** State of `grpc.health.v1.Health`: '' is the whole server, every other name one service. */
export interface Health {
  readonly implementation: health.HealthServiceImplementation<ServiceCallContext>;
  readonly setServing: (service: string, serving: boolean) => void;
  /** Everything NOT_SERVING, for good. */
  readonly shutDown: () => void;
}

/** All services start as SERVING. */
export function createHealth(services: readonly string[]): Health {
  const states = new Map<string, Status>(['', ...services].map((name) => [name, 'SERVING']));
  const watchers = new Set<() => void>();
  let down = false;

  const set = (service: string, status: Status): void => {
    states.set(service, status);
    for (const wake of watchers) wake();
  };

  /** Resolves at the next change of any state; rejects when the watcher leaves. */
  async function nextChange(signal: AbortSignal): Promise<void> {
    const changed = Promise.withResolvers<undefined>();
    const onAbort = (): void => {
      changed.reject(signal.reason as Error);
    };
    const wake = (): void => {
      changed.resolve(undefined);
    };
    watchers.add(wake);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (signal.aborted) onAbort();
      await changed.promise;
    } finally {
      watchers.delete(wake);
      signal.removeEventListener('abort', onAbort);
    }
  }

  return {
    setServing: (service, serving) => {
      if (!down) set(service, serving ? 'SERVING' : 'NOT_SERVING');
    },
    shutDown: () => {
      down = true;
      for (const service of states.keys()) set(service, 'NOT_SERVING');
    },
    implementation: {
      // eslint-disable-next-line @typescript-eslint/require-await -- errors must come as rejections
      check: async ({ service }) => {
        const status = states.get(service);
        if (status === undefined) throw new DomainError('NOT_FOUND', `unknown service ${service}`, { reason: 'UNKNOWN_SERVICE' });
        return { status };
      },
      async *watch({ service }, context) {
        let sent: Status | undefined;
        for (;;) {
          // The protocol of health checking: an unknown service is a state, it may appear later.
          const status = states.get(service) ?? 'SERVICE_UNKNOWN';
          if (status !== sent) yield { status };
          else await nextChange(context.signal);
          sent = status;
        }
      },
      // eslint-disable-next-line @typescript-eslint/require-await -- as above
      list: async () => ({ statuses: Object.fromEntries([...states].map(([name, status]) => [name, { status }])) }),
    },
  };
}
