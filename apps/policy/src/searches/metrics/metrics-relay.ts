/** Sends the steps of searches to the metrics service: after their commit, in batches, each at least once (the service counts a step once). */
import { setTimeout as pause } from 'node:timers/promises';
import { type metrics as wire } from '@nat/contracts';
import type { Logger, PlatformClients } from '@nat/service';
import { openNotifier, type Database } from '@nat/storage';
import { Backoff } from '@nat/base/retry';
import { searchNames } from '../names.ts';
import { readSteps, SEARCH_CHANNEL } from '../store/search-store.ts';
import type { SearchTables, StepRow } from '../store/tables.ts';

export interface MetricsRelayOptions {
  readonly database: Database<SearchTables>;
  readonly metrics: PlatformClients['metrics'];
  readonly logger: Logger;
  /** Steps are gathered for so long. @default 1 s */
  readonly everyMs?: number;
}

export interface MetricsRelay {
  /** Sends what is there and stops. */
  readonly close: () => Promise<void>;
}

const SEARCHES_A_TURN = 20;
const STEPS_A_CALL = 500;
const LONGEST_PAUSE_MS = 60_000;
const CALL_MS = 10_000;

/** Starts sending. While the metrics service is away the steps wait where they are: in the database. */
export async function startMetricsRelay({ database, metrics, logger, everyMs = 1_000 }: MetricsRelayOptions): Promise<MetricsRelay> {
  const stop = new AbortController();
  const stopped = (): boolean => stop.signal.aborted;
  const changes = await openNotifier(database, SEARCH_CHANNEL);
  const changed = changes.waiter();
  const backoff = new Backoff({ initialIntervalMs: everyMs, maximumIntervalMs: LONGEST_PAUSE_MS });

  const sendOnce = async (): Promise<void> => {
    const behind = await database.kysely
      .selectFrom('policy.search')
      .select(['ordinal', 'namespace', 'search_id', 'metrics_step'])
      .whereRef('metrics_step', '<', 'step')
      .orderBy('ordinal')
      .limit(SEARCHES_A_TURN)
      .execute();
    for (const { ordinal, namespace, search_id: search, metrics_step: sent } of behind) {
      const steps = await readSteps(database.kysely, ordinal, sent + 1, STEPS_A_CALL);
      const last = steps.at(-1);
      if (last === undefined) continue;
      const run = searchNames.format({ namespace, search });
      await metrics.recordMetrics({ points: steps.flatMap((step) => pointsOf(run, step)) }, { deadlineMs: CALL_MS, retry: true });
      await database.kysely
        .updateTable('policy.search')
        .set({ metrics_step: last.step })
        .where('ordinal', '=', ordinal)
        .where('metrics_step', '<', last.step)
        .execute();
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopped()) {
      changed.reset();
      try {
        await sendOnce();
        backoff.reset();
      } catch (error) {
        if (backoff.failures === 0) logger.warn({ err: error }, 'the metrics service does not answer; steps wait');
        await backoff.pause(stop.signal);
        continue;
      }
      await changed.wait(10 * everyMs, stop.signal);
      // A fast search changes many times a second.
      await pause(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => undefined);
    }
  };
  const looping = loop();
  return {
    close: async () => {
      stop.abort();
      await looping;
      await sendOnce().catch(() => undefined);
      await changes.close();
    },
  };
}

function pointsOf(run: string, step: StepRow): wire.Point[] {
  const values: Readonly<Record<string, number | null>> = {
    meanReward: step.mean_reward,
    meanGreedyReward: step.mean_greedy_reward,
    baseline: step.baseline,
    entropy: step.entropy,
    loss: step.loss,
    gradientNorm: step.gradient_norm,
    candidates: step.candidates,
    rewards: step.rewards,
    failedCandidates: step.failed_candidates,
    evaluations: step.evaluations,
    epoch: step.epoch === 0 ? null : step.epoch,
    sourceAccuracy: step.source_accuracy,
    resultAccuracy: step.result_accuracy,
    trainLoss: step.train_loss,
    trainAccuracy: step.train_accuracy,
    staleness: step.staleness,
    meanWeight: step.mean_weight,
    clippedShare: step.clipped_share,
    droppedTrials: step.dropped_trials,
  };
  return Object.entries(values).flatMap(([metric, value]) =>
    value === null || !Number.isFinite(value) ? [] : [{ run, metric, step: step.step, value, time: step.create_time }],
  );
}
