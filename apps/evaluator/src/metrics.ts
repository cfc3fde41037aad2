import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { EvaluationState } from './tables/tables.ts';

export interface CoordinatorMetrics {
  readonly leased: (kind: string, waitedMs: number) => void;
  readonly finalized: (kind: string, state: EvaluationState, runningMs: number) => void;
  /** Attempts that ended without a final state: `failed`, `released`, `expired`, `worker-restarted`. */
  readonly requeued: (cause: string, count: number) => void;
}

export interface CoordinatorMetricsOptions {
  /** Absent: nothing is measured. */
  readonly registry: Registry | undefined;
  readonly countOpen: () => Promise<readonly { readonly kind: string; readonly state: EvaluationState; readonly count: number }[]>;
  readonly waitingWorkers: () => number;
}

const SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800, 7200];

/** Registers the coordinator's measures; the depth of the queue is read from the database when the registry is scraped. */
export function createCoordinatorMetrics({ registry, countOpen, waitingWorkers }: CoordinatorMetricsOptions): CoordinatorMetrics {
  const registers = registry === undefined ? [] : [registry];
  const waited = new Histogram({
    name: 'nat_evaluation_wait_seconds',
    help: 'Time in the queue before a lease',
    labelNames: ['kind'],
    buckets: SECONDS,
    registers,
  });
  const ran = new Histogram({
    name: 'nat_evaluation_run_seconds',
    help: 'Time from the first lease to the end',
    labelNames: ['kind', 'state'],
    buckets: SECONDS,
    registers,
  });
  const requeued = new Counter({ name: 'nat_evaluation_requeues_total', help: 'Attempts that ended without a final state', labelNames: ['cause'], registers });
  const open = new Gauge({
    name: 'nat_evaluations_open',
    help: 'Evaluations that are not final',
    labelNames: ['kind', 'state'],
    registers,
    collect: async () => {
      const rows = await countOpen();
      open.reset();
      for (const { kind, state, count } of rows) open.set({ kind, state }, count);
    },
  });
  const waiting = new Gauge({
    name: 'nat_workers_waiting',
    help: 'Workers that wait for work here',
    registers,
    collect: () => {
      waiting.set(waitingWorkers());
    },
  });
  return {
    leased: (kind, waitedMs) => {
      waited.observe({ kind }, waitedMs / 1000);
    },
    finalized: (kind, state, runningMs) => {
      ran.observe({ kind, state }, runningMs / 1000);
    },
    requeued: (cause, count) => {
      if (count > 0) requeued.inc({ cause }, count);
    },
  };
}
