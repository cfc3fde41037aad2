import type { evaluation } from '@nat/contracts';
import { isDataError, type Database } from '@nat/storage';
import type { Logger } from '@nat/service';
import type { Registry } from 'prom-client';
import { createBatcher } from '@nat/base/batcher';
import type { CoordinatorConfig } from './config.ts';
import { createCoordinatorMetrics } from './metrics.ts';
import { createLongPoll } from './queue/long-poll.ts';
import { cancelEvaluation, cancelSearch } from './queue/cancel.ts';
import { completeEvaluations, type Completion, type ReportedOutcome } from './queue/complete.ts';
import { releaseLease, type LockedEvaluation } from './queue/finalize.ts';
import { leaseEvaluations, leaseWithAffinity, renewLeases, type LeaseReference, type LeasedEvaluation, type Renewal } from './queue/lease.ts';
import { deleteEvaluation } from './queue/delete.ts';
import { countOpen } from './queue/read.ts';
import { expireLeases, failIncapable } from './queue/reap.ts';
import { submitEvaluations, type Submission } from './queue/submit.ts';
import type { EvaluationState, EvaluatorTables } from './tables/tables.ts';
import { registerWorker, seeWorkers, workerNotRegistered, type WorkerAbilities, type WorkerRegistration } from './queue/workers.ts';

/** Calls of many workers at once become one statement or transaction; two at a time, so that one that waits for a lock does not hold up the rest. */
const BATCHES = { maxBatchSize: 256, maxConcurrent: 2 };
/** Share of `workerTimeoutMs` that a recorded `seen_time` may be old before it is written again. */
const SEEN_AGE_SHARE = 1 / 8;

/** Signalled when there may be something to lease. */
const QUEUE_CHANNEL = 'evaluator_queue';

export interface CoordinatorOptions {
  readonly database: Database<EvaluatorTables>;
  readonly config: CoordinatorConfig;
  readonly logger: Logger;
  readonly registry?: Registry | undefined;
}

export interface LeaseCallOptions {
  readonly worker: string;
  readonly maxCount: number;
  readonly waitMs: number;
  /** Empty: all that the worker registered. */
  readonly kinds: readonly string[];
  /** Keys of the weights that the worker has in memory. */
  readonly loadedWeights: readonly string[];
  readonly signal: AbortSignal;
}

/** The queue in operation: SQL, wake-ups, the reaper and the measures of one replica. Everything that must survive it is in the database. */
export interface Coordinator {
  readonly submit: (submissions: readonly Submission[]) => Promise<void>;
  readonly register: (worker: WorkerRegistration) => Promise<void>;
  readonly lease: (call: LeaseCallOptions) => Promise<LeasedEvaluation[]>;
  readonly renew: (worker: string, leases: readonly LeaseReference[]) => Promise<Renewal>;
  readonly complete: (lease: LeaseReference, outcome: evaluation.Outcome, traceparent?: string) => Promise<EvaluationState>;
  readonly release: (lease: LeaseReference, checkpoint: evaluation.Checkpoint | undefined) => Promise<void>;
  readonly cancel: (name: string, reason: string) => Promise<void>;
  readonly delete: (name: string) => Promise<void>;
  readonly cancelSearch: (namespace: string, search: string, reason: string) => Promise<number>;
  /** Answers waiting workers, ends the reaper; the database stays open. */
  readonly close: () => Promise<void>;
}

/** Starts the coordinator on a migrated database. */
export async function startCoordinator({ database, config, logger, registry }: CoordinatorOptions): Promise<Coordinator> {
  const wakeWorkers = (): void => {
    database.signal(QUEUE_CHANNEL);
  };
  const release = async (leases: readonly LeaseReference[]): Promise<void> => {
    for (const { name, token } of leases) await releaseLease(database, { name, token });
    metrics.requeued('released', leases.length);
    wakeWorkers();
  };
  const limits = { maxBytes: config.maxLeaseBytes, leaseMs: config.leaseMs };
  const longPoll = createLongPoll({
    lease: (calls) => leaseEvaluations(database, { ...calls[0]!, calls, ...limits }),
    leaseWithAffinity: (calls) => leaseWithAffinity(database, { ...calls[0]!, calls, ...limits }),
    giveBack: release,
    pollMs: config.pollMs,
    onError: (error) => {
      logger.error({ err: error }, 'the queue could not be read');
    },
  });
  const freshMs = config.workerTimeoutMs * SEEN_AGE_SHARE;
  const seeWorker = createBatcher<string, WorkerAbilities>({
    ...BATCHES,
    keyOf: (id) => id,
    run: async (ids) => {
      const seen = await seeWorkers(database, ids, freshMs);
      return ids.map((id) => {
        const result = seen.get(id);
        return result === undefined ? { error: workerNotRegistered(id) } : { result };
      });
    },
  });
  const completeEvaluation = createBatcher<ReportedOutcome, Completion>({
    ...BATCHES,
    keyOf: ({ name }) => name,
    isItemError: isDataError,
    run: (reports) => completeEvaluations(database, reports, { initialIntervalMs: config.retryBackoffMs, maximumIntervalMs: config.maxRetryBackoffMs }),
  });
  const metrics = createCoordinatorMetrics({ registry, countOpen: () => countOpen(database), waitingWorkers: () => longPoll.waiting().length });
  const stopListening = await database.listen(QUEUE_CHANNEL, longPoll.wake);
  const reportPoisoned = (rows: readonly LockedEvaluation[], cause: string): void => {
    for (const { name, kind, running_ms: ms, attempt, worker } of rows) {
      metrics.finalized(kind, 'POISONED', ms ?? 0);
      logger.warn({ evaluation: name, attempt, worker, cause }, 'poisoned');
    }
  };

  const startedAt = performance.now();
  const reap = async (): Promise<void> => {
    const uptimeMs = performance.now() - startedAt;
    // Workers were cut off while no coordinator ran: they get one lease to come back before their work is given away.
    if (uptimeMs >= config.leaseMs) {
      const expired = await expireLeases(database);
      metrics.requeued('expired', expired.queued);
      reportPoisoned(expired.poisoned, 'LEASE_EXPIRED');
      if (expired.queued > 0) wakeWorkers();
    }
    await seeWorkers(database, longPoll.waiting(), freshMs);
    if (config.noCapableWorkerMs > 0) {
      for (const { name, kind, required } of await failIncapable(database, { ...config, uptimeMs })) {
        metrics.finalized(kind, 'FAILED', 0);
        logger.warn({ evaluation: name, kind, required }, 'no capable worker');
      }
    }
  };
  const reaper = startRepeating(reap, config.reapMs, (error) => {
    logger.error({ err: error }, 'reaping failed');
  });

  return {
    submit: async (submissions) => {
      if ((await submitEvaluations(database, submissions)) > 0) wakeWorkers();
    },
    register: async (worker) => {
      const { queued, poisoned } = await registerWorker(database, worker);
      metrics.requeued('worker-restarted', queued);
      reportPoisoned(poisoned, 'WORKER_RESTARTED');
      if (queued > 0) wakeWorkers();
      logger.info({ worker: worker.id, capabilities: worker.capabilities, kinds: worker.kinds, queued }, 'worker registered');
    },
    lease: async ({ worker, kinds: wanted, ...call }) => {
      const { capabilities, kinds } = await seeWorker(worker);
      const leased = await longPoll.wait({ ...call, worker, capabilities, kinds: wanted.length === 0 ? kinds : kinds.filter((kind) => wanted.includes(kind)) });
      if (call.signal.aborted && leased.length > 0) {
        await release(leased);
        return [];
      }
      for (const { kind, waitedMs } of leased) metrics.leased(kind, waitedMs);
      return leased;
    },
    renew: async (worker, leases) => {
      await seeWorker(worker);
      return renewLeases(database, { worker, leases, leaseMs: config.leaseMs });
    },
    complete: async ({ name, token }, outcome, traceparent) => {
      const completion = await completeEvaluation({ name, token, outcome, traceparent });
      if (completion.changed) {
        if (completion.state === 'QUEUED') metrics.requeued('failed', 1);
        else metrics.finalized(completion.kind, completion.state, completion.runningMs);
        if (completion.state !== 'SUCCEEDED') logger.info({ evaluation: name, state: completion.state, outcome: outcome.result }, 'attempt ended');
      }
      return completion.state;
    },
    release: (lease, checkpoint) =>
      releaseLease(database, lease, checkpoint).then(() => {
        metrics.requeued('released', 1);
        wakeWorkers();
      }),
    cancel: async (name, reason) => {
      if (await cancelEvaluation(database, name, reason)) logger.info({ evaluation: name, reason }, 'cancelled');
    },
    delete: async (name) => {
      await deleteEvaluation(database, name);
      logger.info({ evaluation: name }, 'deleted');
    },
    cancelSearch: async (namespace, search, reason) => {
      const cancelled = await cancelSearch(database, { namespace, search, reason });
      logger.info({ search, reason, cancelled }, 'search cancelled');
      return cancelled;
    },
    close: async () => {
      await reaper.stop();
      longPoll.close();
      await stopListening();
    },
  };
}

/** Runs the work again and again with a pause between; `stop` waits for a run under way. */
function startRepeating(work: () => Promise<void>, pauseMs: number, onError: (error: unknown) => void): { readonly stop: () => Promise<void> } {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const schedule = (): void => {
    if (stopped) return;
    timer = setTimeout(() => {
      running = work().catch(onError).then(schedule);
    }, pauseMs);
    timer.unref();
  };
  schedule();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
