import type { Database } from '@nat/storage';
import { Gauge, type Registry } from 'prom-client';
import { recentRuns, type RunSummary, type SeriesSummary } from './store.ts';
import type { MetricsTables } from './tables.ts';

/** Runs that a scrape shows: a bound on the number of time series. */
const MAX_RUNS = 50;
const RECENT_MS = 60 * 60_000;

/** Shows the last value of every metric of the runs written to in the last hour, read when the registry is scraped. */
export function exposeRuns(registry: Registry, database: Database<MetricsTables>): void {
  let reading: Promise<RunSummary[]> | undefined;
  // Both gauges are collected at once and share one read.
  const read = (): Promise<RunSummary[]> =>
    (reading ??= recentRuns(database, { withinMs: RECENT_MS, limit: MAX_RUNS }).finally(() => {
      reading = undefined;
    }));
  const expose = (name: string, help: string, valueOf: (series: SeriesSummary) => number): void => {
    const gauge = new Gauge({
      name,
      help,
      labelNames: ['run', 'metric'],
      registers: [registry],
      collect: async () => {
        const runs = await read();
        gauge.reset();
        for (const run of runs) {
          for (const series of run.series) gauge.set({ run: run.name, metric: series.metric }, valueOf(series));
        }
      },
    });
  };
  expose('nat_run_value', 'Last value of a metric of a run written to in the last hour', ({ last_value: value }) => value);
  expose('nat_run_step', 'Step of the last value', ({ last_step: step }) => step);
}
