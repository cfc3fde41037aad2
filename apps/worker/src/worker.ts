import { setTimeout as sleep } from 'node:timers/promises';
import { evaluation } from '@nat/contracts';
import { DomainError, isDomainError } from '@nat/base/errors';
import { failpoint } from '@nat/base/failpoints';
import { statusToDomainError, type ClientChannel, type Logger } from '@nat/service';
import { isBlobKey, openBlobStore, type BlobStore } from '@nat/storage';
import { outsideSpans, SpanKind, withSpan, type OpenSpan } from '@nat/base/tracing';
import { createBatcher } from '@nat/base/batcher';
import { blobsOf } from '@nat/convert';
import { fromDuration, toDuration } from '@nat/convert';
import { createBackoff, type Backoff } from './leasing/backoff.ts';
import { createCheckpointReporter } from './leasing/checkpoint-reporter.ts';
import { deliverOutcome } from './leasing/deliver-outcome.ts';
import { failure, failureOf } from './job/failure.ts';
import { kindOf, QUICK_KINDS, type Execute, type Kind, type StoredCheckpoint } from './job/job.ts';
import { startPoller, type Poller, type RunInSlot } from './leasing/poller.ts';
import { startLeaseKeeper, type HeldLease, type StopReason } from './leasing/lease-keeper.ts';
import { createObserver } from './leasing/observation-reporter.ts';
import { createTabular } from './evaluators/tabular.ts';
import { createTrainers, type Trainers } from './trainer/trainers.ts';

export interface WorkerConfig {
  /** Stable over restarts, so that a restart frees at once what the process before held. 1 to 128 of A-Z a-z 0-9 . _ - */
  readonly workerId: string;
  /** Differs from process to process. */
  readonly instance: string;
  readonly kinds: readonly Kind[];
  /** As `findCapabilities` finds them. */
  readonly capabilities: readonly string[];
  /** NAT_DATA_DIR: data sets and tables. */
  readonly dataDir?: string;
  /** Where weights are, shared with the other workers; for `openBlobStore`. */
  readonly blobUrl: string;
  /** Evaluations of milliseconds that run at once. @default 16 */
  readonly quickLeases?: number;
  /** Processes that train at once. @default 1 */
  readonly trainers?: number;
  /** A trainer without work ends after this, and gives its memory back. @default 5 min */
  readonly trainerIdleMs?: number;
  /** Added to the niceness of trainers: services beside them stay quick. @default 10 */
  readonly trainerNice?: number;
  /** A child in training is stored after an epoch, but no sooner than this after the last time: a state takes 8 bytes a parameter to write. @default 30 s */
  readonly checkpointMs?: number;
  /** A lease call waits so long for work. @default 20 s */
  readonly leaseWaitMs?: number;
}

export interface WorkerOptions {
  /** To the server of WorkerService. */
  readonly channel: ClientChannel;
  readonly config: WorkerConfig;
  readonly logger: Logger;
  /** Runs evaluations of milliseconds. @default looks them up in the tables of `dataDir` */
  readonly quick?: Execute;
  /** Jitter of pauses between attempts. @default Math.random */
  readonly random?: () => number;
}

/** A worker at work. */
export interface Worker {
  /** Resolves when the server first took the registration. */
  readonly registered: Promise<void>;
  /**
   * Stops leasing, lets what runs go on for `finishMs`, gives back what is left (the attempt does not count) and ends its trainers.
   * Calling it again gives the same promise.
   */
  readonly drain: (finishMs: number) => Promise<void>;
}

/** Most keys of weights in memory that a lease request may name. */
const MAX_LOADED_WEIGHTS = 16;
const RETRY = { baseMs: 200, maxMs: 5_000 };
/** Outcomes that are known at about the same time travel together. One call that gets no answer does not hold up the rest. */
const COMPLETIONS = { maxBatchSize: 64, maxConcurrent: 4 };
/** A server that is away while this worker drains is waited for no longer than this. */
const GIVE_UP_MS = 3_000;

/** Starts a worker: it registers, leases, runs, renews and delivers until it is drained, with or without a server that answers. */
export function startWorker({ channel, config, logger, quick = createTabular({ dataDir: config.dataDir }), random = Math.random }: WorkerOptions): Worker {
  const { workerId, instance, kinds, capabilities } = config;
  const leaseWaitMs = config.leaseWaitMs ?? 20_000;
  const client = channel.client(evaluation.WorkerServiceDefinition);
  const givenUp = new AbortController();
  const hasGivenUp = (): boolean => givenUp.signal.aborted;
  let blobs: Promise<BlobStore> | undefined;
  const newBackoff = (): Backoff => createBackoff({ ...RETRY, random });

  const trainers = createTrainers({
    blobUrl: config.blobUrl,
    dataDir: config.dataDir,
    checkpointMs: config.checkpointMs ?? 30_000,
    idleMs: config.trainerIdleMs ?? 5 * 60_000,
    nice: config.trainerNice ?? 10,
    logger,
  });

  let renewMs = 5_000;
  let registering: Promise<void> | undefined;
  const register = async (): Promise<void> => {
    const backoff = newBackoff();
    while (!hasGivenUp()) {
      try {
        const { renewInterval } = await client.registerWorker(
          { workerId, instance, capabilities: [...capabilities], kinds: [...kinds] },
          { signal: givenUp.signal },
        );
        renewMs = Math.max(50, fromDuration(renewInterval));
        logger.info({ workerId, kinds, capabilities, server: channel.address }, 'registered');
        return;
      } catch (error) {
        if (hasGivenUp()) return;
        logger.warn({ err: error, server: channel.address }, 'the server did not take the registration yet');
        await backoff.pause(givenUp.signal);
      }
    }
  };
  /** One registration at a time, however many calls find out that it is missing. */
  const registerOnce = (): Promise<void> =>
    (registering ??= register().finally(() => {
      registering = undefined;
    }));
  const onCallError = async (error: unknown): Promise<void> => {
    logger.warn({ err: error, server: channel.address }, 'the server did not answer');
    if (isDomainError(error) && error.reason === 'WORKER_NOT_REGISTERED') await registerOnce();
  };

  const registered = registerOnce();
  const keeper = startLeaseKeeper({
    renew: (leases) => outsideSpans(() => client.renewLeases({ workerId, leases: [...leases] }, { deadlineMs: 10_000 })),
    renewMs: () => renewMs,
    onError: (error) => void onCallError(error),
    logger,
  });

  const complete = createBatcher<evaluation.CompleteEvaluationRequest, evaluation.EvaluationState>({
    ...COMPLETIONS,
    keyOf: ({ lease }) => lease?.evaluation ?? '',
    // An outcome that no request may carry is refused with the whole request.
    isItemError: (error) => isDomainError(error) && (error.kind === 'INVALID_ARGUMENT' || error.kind === 'RESOURCE_EXHAUSTED'),
    run: async (completions) => {
      const { results } = await outsideSpans(() => client.completeEvaluations({ completions: [...completions] }));
      return results.map(({ result }) => {
        if (result?.$case === 'state') return { result: result.value };
        return {
          error: result === undefined ? new DomainError('INTERNAL', 'the server did not say what came of an outcome') : statusToDomainError(result.value),
        };
      });
    },
  });

  /** Leased ahead, not begun. */
  const waiting = new Set<HeldLease>();
  const runLease = async (execute: Execute, lease: evaluation.Lease, runInSlot: RunInSlot, span: OpenSpan): Promise<void> => {
    const held = keeper.hold(lease);
    waiting.add(held);
    await failpoint('worker.leased');
    const jobLogger = logger.child({ evaluation: lease.evaluation, attempt: lease.attempt });
    const startedAt = performance.now();
    const checkpoints = createCheckpointReporter({
      earlier: lease.continued ? (lease.spec?.resumeFrom ?? '') : '',
      report: async ({ key: resumeFrom, blobs: named }) => {
        await client.reportCheckpoint({ lease: held.reference, resumeFrom, blobs: [...named] }, { retry: true, deadlineMs: 10_000 });
      },
      remove: async (key) => {
        blobs ??= openBlobStore(config.blobUrl);
        await (await blobs).delete(key);
      },
      onError: (error) => {
        jobLogger.warn({ err: error }, 'a checkpoint could not be reported yet');
      },
    });
    const observer = createObserver({
      send: async (firstSequence, observations) => {
        await client.reportObservations({ lease: held.reference, firstSequence, observations: [...observations] }, { deadlineMs: 10_000 });
      },
      onError: (error) => {
        jobLogger.warn({ err: error }, 'observations could not be sent yet');
      },
    });
    try {
      const inSlot: Execute = (job, context) =>
        runInSlot(() => {
          waiting.delete(held);
          return span.activate(() => execute(job, context)); // a slot is freed in the span of the evaluation that held it
        }, held.signal);
      const outcome = await attempt(inSlot, lease, held, {
        observe: observer.add,
        checkpoint: checkpoints.add,
      });
      if (outcome === undefined) {
        if ((held.signal.reason as StopReason) === 'drained') await release(held, checkpoints.latest());
        return;
      }
      await observer.flush();
      await checkpoints.settle();
      const delivered = await deliverOutcome(outcome, {
        complete: (sending) => complete({ lease: held.reference, outcome: sending, traceparent: span.traceparent ?? '' }),
        backoff: newBackoff(),
        signal: givenUp.signal,
        logger: jobLogger,
      });
      // Of a lease that is over the checkpoints are another attempt's to go on from.
      if (delivered && outcome.result?.$case === 'succeeded') await checkpoints.discard(blobsOf(outcome.result.value));
      jobLogger.debug({ ms: Math.round(performance.now() - startedAt), outcome: outcome.result?.$case }, 'done');
    } catch (error) {
      jobLogger.error({ err: error }, 'a lease could not be brought to its end');
    } finally {
      waiting.delete(held);
      keeper.drop(held);
    }
  };

  const release = async (held: HeldLease, checkpoint: StoredCheckpoint | undefined): Promise<void> => {
    const { key: resumeFrom = '', blobs: named = [] } = checkpoint ?? {};
    try {
      await client.releaseLease(
        { lease: held.reference, reason: 'RELEASE_REASON_DRAINING', resumeFrom, blobs: [...named] },
        { retry: true, deadlineMs: GIVE_UP_MS },
      );
    } catch (error) {
      logger.warn({ err: error, evaluation: held.reference.evaluation }, 'the lease could not be given back: it will expire');
    }
  };

  const newPoller = (
    wanted: readonly Kind[],
    capacity: number,
    { execute, loadedWeights }: Pick<Trainers, 'execute' | 'loadedWeights'>,
  ): Poller | undefined => {
    const mine = wanted.filter((kind) => kinds.includes(kind));
    if (mine.length === 0 || capacity < 1) return undefined;
    return startPoller({
      kinds: mine,
      capacity,
      leaseWaitMs,
      loadedWeights,
      lease: async ({ maxCount, kinds: asked, waitMs, loadedWeights: keys }, signal) => {
        await Promise.race([registered, aborted(signal)]);
        signal.throwIfAborted();
        const { leases } = await client.leaseEvaluations(
          { workerId, maxCount, wait: toDuration(waitMs), kinds: [...asked], warmWeights: [...new Set(keys)].filter(isBlobKey).slice(0, MAX_LOADED_WEIGHTS) },
          { signal, deadlineMs: waitMs + 10_000 },
        );
        return leases;
      },
      run: (lease, runInSlot) => {
        const settings = { kind: SpanKind.CONSUMER, parent: lease.traceparent, attributes: spanAttributes(lease) };
        return withSpan('evaluate', settings, (span) => runLease(execute, lease, runInSlot, span));
      },
      onError: onCallError,
      backoff: newBackoff(),
    });
  };
  const pollers = [
    newPoller(QUICK_KINDS, config.quickLeases ?? 16, { execute: quick, loadedWeights: () => [] }),
    newPoller(
      kinds.filter((kind) => !QUICK_KINDS.includes(kind)),
      config.trainers ?? 1,
      trainers,
    ),
  ].filter((poller) => poller !== undefined);

  const drain = async (finishMs: number): Promise<void> => {
    logger.info({ finishMs, running: keeper.held().length }, 'draining');
    const idle = Promise.all(pollers.map((poller) => poller.stop()));
    for (const held of waiting) held.stop('drained');
    await Promise.race([idle, sleep(finishMs, undefined, { ref: false })]);
    for (const held of keeper.held()) held.stop('drained');
    await Promise.race([idle, sleep(GIVE_UP_MS, undefined, { ref: false })]);
    givenUp.abort();
    await keeper.close();
    await trainers.close();
    logger.info('drained');
  };
  let draining: Promise<void> | undefined;
  return { registered, drain: (finishMs) => (draining ??= drain(finishMs)) };
}

function spanAttributes({ evaluation: name, spec, attempt: number }: evaluation.Lease): Record<string, string | number> {
  return { 'nat.evaluation': name, 'nat.kind': (spec && kindOf(spec)) ?? '', 'nat.attempt': number };
}

/** Resolves when the signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}

/** The outcome of an attempt, an error turned into a failure; undefined when its work was stopped before it had one. */
async function attempt(
  execute: Execute,
  { evaluation: name, spec, attempt: number, continued }: evaluation.Lease,
  { signal }: HeldLease,
  hooks: { readonly observe: (observations: readonly evaluation.Observation[]) => void; readonly checkpoint: (checkpoint: StoredCheckpoint) => void },
): Promise<evaluation.Outcome | undefined> {
  if (spec === undefined || kindOf(spec) === undefined) return failure('UNKNOWN_KIND', 'this worker does not know the kind of the evaluation', false);
  try {
    return await execute({ evaluation: name, spec, attempt: number, continued }, { signal, ...hooks });
  } catch (error) {
    return signal.aborted ? undefined : failureOf(error);
  }
}
