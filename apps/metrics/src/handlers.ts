import type { metrics } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { decodePageToken, encodePageToken, pageSize as sizeOf, type ServiceContext } from '@nat/service';
import type { Database } from '@nat/storage';
import { z } from 'zod';
import { deleteSeries, queryPoints, recordPoints, summarizeRun, summarizeRuns, type MetricPoint, type RunSummary } from './store.ts';
import type { MetricsTables } from './tables.ts';
import type { Watcher } from './watch.ts';

export interface MetricsHandlersOptions {
  readonly database: Database<MetricsTables>;
  readonly watcher: Watcher;
  /** Stamps points that come without a time. */
  readonly clock: () => Date;
}

/** MetricsService. */
export function createMetricsHandlers({ database, watcher, clock }: MetricsHandlersOptions): metrics.MetricsServiceImplementation<ServiceContext> {
  return {
    recordMetrics: async ({ points }) => {
      const now = clock();
      checkTimes(points);
      return {
        recorded: await recordPoints(
          database,
          points.map(({ run, metric, step, value, time }) => ({ run, metric, step, value, time: time ?? now })),
        ),
      };
    },

    queryMetrics: async ({ run, metrics: names, minStep, maxStep, pageSize, pageToken }) => {
      if (minStep !== undefined && maxStep !== undefined && minStep > maxStep) throw DomainError.invalid('min_step', `${minStep} is above max_step ${maxStep}`);
      const scope = { list: 'points', run, metrics: [...names].sort().join(' '), minStep, maxStep };
      const [metric, step] = decodePageToken(pageToken, scope, z.tuple([z.string(), z.int()])) ?? ['', 0];
      const limit = sizeOf(pageSize, 1000, 10_000);
      const rows = await queryPoints(database, { run, metrics: names, minStep, maxStep, after: { metric, step }, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return { points: page.map(toPoint), nextPageToken: rows.length > limit && last !== undefined ? encodePageToken([last.metric, last.step], scope) : '' };
    },

    watchMetrics: async function* ({ run, metrics: names, position }, { signal, draining }) {
      for await (const { points, position: reached } of watcher.watch({ run, metrics: names, position, signal: AbortSignal.any([signal, draining]) })) {
        yield { points: points.map(toPoint), position: reached };
      }
    },

    getRunSummary: async ({ run }) => toSummary(await summarizeRun(database, run)),

    listRunSummaries: async ({ parent, pageSize, pageToken }) => {
      const scope = { list: 'runs', parent };
      const beforeId = decodePageToken(pageToken, scope, z.int()) ?? Number.MAX_SAFE_INTEGER;
      const limit = sizeOf(pageSize);
      const rows = await summarizeRuns(database, { namespace: parent, beforeId, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return { runs: page.map(toSummary), nextPageToken: rows.length > limit && last !== undefined ? encodePageToken(last.id, scope) : '' };
    },

    deleteSeries: async ({ run, metrics: names }) => ({ deleted: await deleteSeries(database, { run, metrics: names }) }),
  };
}

const LATEST = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** A rule of the contract would take six times as long to check as all others of a point. @throws DomainError INVALID_ARGUMENT */
function checkTimes(points: readonly metrics.Point[]): void {
  const at = points.findIndex(({ time }) => time !== undefined && !(time.getTime() >= 0 && time.getTime() <= LATEST));
  if (at !== -1) throw DomainError.invalid(`points[${at}].time`, 'is not between the years 1970 and 9999');
}

function toPoint({ run, metric, step, value, time }: MetricPoint): metrics.Point {
  return { run, metric, step, value, time };
}

function toSummary({ name, create_time: startTime, series }: RunSummary): metrics.RunSummary {
  return {
    run: name,
    startTime,
    metrics: series.map((one) => ({
      metric: one.metric,
      count: one.count,
      lastStep: one.last_step,
      lastValue: one.last_value,
      minValue: one.min_value,
      maxValue: one.max_value,
      lastTime: one.last_time,
    })),
  };
}
