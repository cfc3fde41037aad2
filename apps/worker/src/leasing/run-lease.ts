/** One lease from its start to the delivery of its outcome. */
import type { evaluation } from '@nat/contracts';
import { blobsOf, evaluationKindOf } from '@nat/convert';
import { DomainError } from '@nat/base/errors';
import { failpoint } from '@nat/base/failpoints';
import type { RetryPolicy } from '@nat/base/retry';
import type { OpenSpan } from '@nat/base/tracing';
import type { Logger } from '@nat/service';
import type { BlobStore } from '@nat/storage';
import { failure, failureOf } from '../job/failure.ts';
import type { Execute, JobContext } from '../job/job.ts';
import { createCheckpointReporter } from './checkpoint-reporter.ts';
import { deliverOutcome } from './deliver-outcome.ts';
import type { HeldLease, LeaseKeeper, StopReason } from './lease-keeper.ts';
import { createObservationReporter } from './observation-reporter.ts';
import type { RunInSlot } from './poller.ts';

/** The calls of WorkerService that a lease makes. */
export interface LeaseCalls {
  readonly complete: (completion: evaluation.CompleteEvaluationRequest) => Promise<unknown>;
  readonly reportCheckpoint: (request: evaluation.ReportCheckpointRequest) => Promise<unknown>;
  readonly reportObservations: (request: evaluation.ReportObservationsRequest) => Promise<unknown>;
  readonly release: (request: evaluation.ReleaseLeaseRequest) => Promise<unknown>;
}

export interface LeaseRunnerOptions {
  readonly calls: LeaseCalls;
  readonly keeper: LeaseKeeper;
  readonly blobs: () => Promise<BlobStore>;
  readonly policy: RetryPolicy;
  readonly random: () => number;
  /** Aborts when this worker gives up waiting for the server. */
  readonly givenUp: AbortSignal;
  readonly logger: Logger;
}

export interface LeaseRunner {
  /** Runs a lease in a slot of a poller and delivers its outcome. Never rejects. */
  readonly run: (lease: evaluation.Lease, execute: Execute, runInSlot: RunInSlot, span: OpenSpan) => Promise<void>;
  /** Leases whose work has not begun. */
  readonly waiting: () => readonly HeldLease[];
}

export function createLeaseRunner({ calls, keeper, blobs, policy, random, givenUp, logger }: LeaseRunnerOptions): LeaseRunner {
  const waiting = new Set<HeldLease>();

  const release = async (held: HeldLease, checkpoint: evaluation.Checkpoint | undefined): Promise<void> => {
    try {
      await calls.release({ lease: held.reference, reason: 'RELEASE_REASON_DRAINING', checkpoint });
    } catch (error) {
      logger.warn({ err: error, evaluation: held.reference.evaluation }, 'the lease could not be given back: it will expire');
    }
  };

  const runHeld = async (held: HeldLease, execute: Execute, runInSlot: RunInSlot, span: OpenSpan): Promise<void> => {
    const { lease, reference } = held;
    const leaseLogger = logger.child({ evaluation: lease.evaluation, attempt: lease.attempt });
    const startedAt = performance.now();
    const checkpoints = createCheckpointReporter({
      earlier: lease.continued ? lease.spec?.resumeFrom : undefined,
      report: async (checkpoint) => {
        await calls.reportCheckpoint({ lease: reference, checkpoint });
      },
      remove: async (key) => {
        await (await blobs()).delete(key);
      },
      onError: (error) => {
        leaseLogger.warn({ err: error }, 'a checkpoint could not be reported yet');
      },
    });
    const observations = createObservationReporter({
      send: async (firstSequence, reported) => {
        await calls.reportObservations({ lease: reference, firstSequence, observations: [...reported] });
      },
      onError: (error) => {
        leaseLogger.warn({ err: error }, 'observations could not be sent yet');
      },
    });
    const executeInSlot: Execute = (job, context) =>
      runInSlot(() => {
        waiting.delete(held);
        return span.activate(() => execute(job, context)); // the slot was freed in the span of the evaluation before
      }, held.signal);
    const outcome = await attempt(executeInSlot, held, { observe: observations.add, checkpoint: checkpoints.add });
    if (outcome === undefined) {
      if ((held.signal.reason as StopReason) === 'drained') await release(held, checkpoints.latest());
      return;
    }
    await observations.flush();
    await checkpoints.settle();
    const delivered = await deliverOutcome(outcome, {
      complete: (sending) => calls.complete({ lease: reference, outcome: sending, traceparent: span.traceparent ?? '' }),
      policy,
      random,
      signal: givenUp,
      logger: leaseLogger,
    });
    // The checkpoints of a lease that is over are another attempt's to go on from.
    if (delivered && outcome.result?.$case === 'succeeded') await checkpoints.discard(blobsOf(outcome.result.value));
    leaseLogger.debug({ ms: Math.round(performance.now() - startedAt), outcome: outcome.result?.$case }, 'done');
  };

  return {
    waiting: () => [...waiting],
    run: async (lease, execute, runInSlot, span) => {
      const held = keeper.hold(lease);
      waiting.add(held);
      try {
        await failpoint('worker.leased');
        await runHeld(held, execute, runInSlot, span);
      } catch (error) {
        logger.error({ err: error, evaluation: lease.evaluation, attempt: lease.attempt }, 'a lease could not be brought to its end');
      } finally {
        waiting.delete(held);
        keeper.drop(held);
      }
    },
  };
}

/** The outcome of an attempt, an error turned into a failure; undefined when its work was stopped before it had one. */
async function attempt(execute: Execute, { lease, signal }: HeldLease, hooks: Omit<JobContext, 'signal'>): Promise<evaluation.Outcome | undefined> {
  const { evaluation: name, spec, attempt: number, continued } = lease;
  if (spec === undefined || evaluationKindOf(spec) === undefined) {
    return failure(new DomainError('UNIMPLEMENTED', 'this worker does not know the kind of the evaluation', { reason: 'UNKNOWN_KIND' }), false);
  }
  try {
    return await execute({ evaluation: name, spec, attempt: number, continued }, { signal, ...hooks });
  } catch (error) {
    return signal.aborted ? undefined : failureOf(error);
  }
}
