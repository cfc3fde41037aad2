/** Counts and latencies of calls, by the names and labels that gRPC's Prometheus interceptors have everywhere. */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { CallLog } from './call-log.ts';
import { accessOf } from '../security/method-access.ts';
import { statusName } from '../wire/status.ts';

type Side = 'server' | 'client';

/** From what a lookup takes to what a long poll takes, seconds. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

interface Measures {
  readonly started: Counter<'grpc_service' | 'grpc_method'>;
  readonly handled: Counter<'grpc_service' | 'grpc_method' | 'grpc_code'>;
  readonly seconds: Histogram<'grpc_service' | 'grpc_method'>;
}

/** One set a registry, however many servers and channels a process has. */
const made = new WeakMap<Registry, Partial<Record<Side, Measures>>>();

function measuresOf(registry: Registry, side: Side): Measures {
  const sides = made.get(registry) ?? {};
  made.set(registry, sides);
  const registers = [registry];
  const labelNames = ['grpc_service', 'grpc_method'] as const;
  const done = side === 'server' ? 'on the server, whatever they ended with' : 'by the client, each attempt for itself';
  return (sides[side] ??= {
    started: new Counter({ name: `grpc_${side}_started_total`, help: `Calls begun ${done.split(',')[0] ?? ''}`, labelNames, registers }),
    handled: new Counter({ name: `grpc_${side}_handled_total`, help: `Calls ended ${done}`, labelNames: [...labelNames, 'grpc_code'], registers }),
    seconds: new Histogram({
      name: `grpc_${side}_handling_seconds`,
      help: `Time from the first to the last byte of calls ${done}`,
      labelNames,
      buckets: SECONDS,
      registers,
    }),
  });
}

/** Methods of the contracts by name; whatever else somebody calls is one method, so that nobody can make series. */
function labelsOf(path: string): { grpc_service: string; grpc_method: string } {
  const [, service = '', method = ''] = accessOf(path) === undefined ? ['', 'unknown', 'unknown'] : path.split('/');
  return { grpc_service: service, grpc_method: method };
}

/** Measures of calls on one side, in a registry. */
export function createCallMetrics(registry: Registry, side: Side): Required<Pick<CallLog, 'started'>> & CallLog {
  const { started, handled, seconds } = measuresOf(registry, side);
  return {
    started: (path) => {
      started.inc(labelsOf(path));
    },
    ended: ({ path, startedAt }, code) => {
      const labels = labelsOf(path);
      handled.inc({ ...labels, grpc_code: statusName(code) });
      seconds.observe(labels, (performance.now() - startedAt) / 1000);
    },
  };
}
