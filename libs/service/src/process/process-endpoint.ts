import { collectDefaultMetrics, Registry } from 'prom-client';
import { startHttpEndpoint, type HttpEndpointOptions } from './http-endpoint.ts';

/** A registry with what every process shows of itself: memory, garbage collection, open handles and the lag of its event loop. */
export function createProcessRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export interface ProcessEndpointOptions extends Omit<HttpEndpointOptions, 'listen'> {
  readonly host: string;
  /** `NAT_METRICS_PORT`; absent: nothing is served. */
  readonly port: number | undefined;
}

/** Serves /metrics and /healthz of a process where it was given a port for it. Gives what ends it. */
export async function startProcessEndpoint({ host, port, ...options }: ProcessEndpointOptions): Promise<{ readonly close: () => Promise<void> }> {
  if (port === undefined) return { close: () => Promise.resolve() };
  return startHttpEndpoint({ ...options, listen: { host, port } });
}
