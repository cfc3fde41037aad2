import { setTimeout as sleep } from 'node:timers/promises';
import { evaluation } from '@nat/contracts';
import { evaluationKindOf, evaluationKindToWire, toDuration, type EvaluationKindName } from '@nat/convert';
import { createBatcher } from '@nat/base/batcher';
import { DomainError, isDomainError } from '@nat/base/errors';
import { Backoff, type RetryPolicy } from '@nat/base/retry';
import { outsideSpans, SpanKind, withSpan } from '@nat/base/tracing';
import { statusToDomainError, type ClientChannel, type Logger } from '@nat/service';
import { isBlobKey, openBlobStore, type BlobStore } from '@nat/storage';
import { createTabular } from './evaluators/tabular.ts';
import { QUICK_KINDS, type Execute } from './job/job.ts';
import { startLeaseKeeper } from './leasing/lease-keeper.ts';
import { startPoller, type Poller } from './leasing/poller.ts';
import { startRegistration } from './leasing/registration.ts';
import { createLeaseRunner } from './leasing/run-lease.ts';
import { createTrainers, type Trainers } from './trainer/trainers.ts';

export interface WorkerConfig {
  /** Stable over restarts, so that a restart frees at once what the process before held. 1 to 128 of A-Z a-z 0-9 . _ - */
  readonly workerId: string;
  /** Differs from process to process. */
  readonly instance: string;
  readonly kinds: readonly EvaluationKindName[];
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
/** For calls that go on until the server answers. */
const CALL_POLICY: RetryPolicy = { initialIntervalMs: 200, maximumIntervalMs: 5_000 };
const REPORT_DEADLINE_MS = 10_000;
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
  const retries = { policy: CALL_POLICY, random };
  let blobs: Promise<BlobStore> | undefined;

  const trainers = createTrainers({
    blobUrl: config.blobUrl,
    dataDir: config.dataDir,
    checkpointMs: config.checkpointMs ?? 30_000,
    idleMs: config.trainerIdleMs ?? 5 * 60_000,
    nice: config.trainerNice ?? 10,
    logger,
  });

  const registration = startRegistration({
    ...retries,
    register: () =>
      client.registerWorker({ workerId, instance, capabilities: [...capabilities], kinds: kinds.map(evaluationKindToWire) }, { signal: givenUp.signal }),
    signal: givenUp.signal,
    logger: logger.child({ workerId, kinds, capabilities, server: channel.address }),
  });
  const onCallError = async (error: unknown): Promise<void> => {
    logger.warn({ err: error, server: channel.address }, 'the server did not answer');
    if (isDomainError(error) && error.reason === 'WORKER_NOT_REGISTERED') await registration.renew();
  };
  const keeper = startLeaseKeeper({
    renew: (leases) => outsideSpans(() => client.renewLeases({ workerId, leases: [...leases] }, { deadlineMs: REPORT_DEADLINE_MS })),
    renewMs: registration.renewMs,
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
  const leases = createLeaseRunner({
    ...retries,
    calls: {
      complete,
      reportCheckpoint: (request) => client.reportCheckpoint(request, { retry: true, deadlineMs: REPORT_DEADLINE_MS }),
      reportObservations: (request) => client.reportObservations(request, { deadlineMs: REPORT_DEADLINE_MS }),
      release: (request) => client.releaseLease(request, { retry: true, deadlineMs: GIVE_UP_MS }),
    },
    keeper,
    blobs: () => (blobs ??= openBlobStore(config.blobUrl)),
    givenUp: givenUp.signal,
    logger,
  });

  const newPoller = (
    wanted: readonly EvaluationKindName[],
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
        await Promise.race([registration.registered, aborted(signal)]);
        signal.throwIfAborted();
        const response = await client.leaseEvaluations(
          {
            workerId,
            maxCount,
            wait: toDuration(waitMs),
            kinds: asked.map(evaluationKindToWire),
            loadedWeights: [...new Set(keys)].filter(isBlobKey).slice(0, MAX_LOADED_WEIGHTS),
          },
          { signal, deadlineMs: waitMs + REPORT_DEADLINE_MS },
        );
        return response.leases;
      },
      run: (lease, runInSlot) => {
        const settings = { kind: SpanKind.CONSUMER, parent: lease.traceparent, attributes: spanAttributes(lease) };
        return withSpan('evaluate', settings, (span) => leases.run(lease, execute, runInSlot, span));
      },
      onError: onCallError,
      backoff: new Backoff(CALL_POLICY, { random }),
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
    for (const held of leases.waiting()) held.stop('drained');
    await Promise.race([idle, sleep(finishMs, undefined, { ref: false })]);
    for (const held of keeper.held()) held.stop('drained');
    await Promise.race([idle, sleep(GIVE_UP_MS, undefined, { ref: false })]);
    givenUp.abort();
    await keeper.close();
    await trainers.close();
    logger.info('drained');
  };
  let draining: Promise<void> | undefined;
  return { registered: registration.registered, drain: (finishMs) => (draining ??= drain(finishMs)) };
}

function spanAttributes({ evaluation: name, spec, attempt: number }: evaluation.Lease): Record<string, string | number> {
  return { 'nat.evaluation': name, 'nat.kind': (spec && evaluationKindOf(spec)) ?? '', 'nat.attempt': number };
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
