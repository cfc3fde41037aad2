import { metrics } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { createChannelTo, createLogger, createServer, type ClientChannel, type Server } from '@nat/service';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { composeMetrics, type Metrics } from './compose.ts';

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (isDomainError(error)) return `${error.kind} ${error.reason}`;
    throw error;
  }
  return 'not refused';
}

describe.each(testDatabases)('the metrics service on $title', ({ skip, open }) => {
  let opened: TestDatabase;
  let service: Metrics;
  let server: Server;
  let channel: ClientChannel;
  let client: ReturnType<typeof connect>;
  const connect = () => channel.client(metrics.MetricsServiceDefinition);
  const run = (id: string): string => `namespaces/default/searches/${id}`;
  const point = (id: string, metric: string, step: number, value: number): metrics.Point => ({
    run: run(id),
    metric,
    step,
    value,
    time: new Date(1_000 * step),
  });

  beforeAll(async () => {
    if (skip) return;
    opened = await open();
    const logger = createLogger({ name: 'metrics-test', level: 'silent' });
    service = await composeMetrics({ database: opened.database, logger, registry: new Registry(), http: { host: '127.0.0.1', port: 0 }, pollMs: 60_000 });
    server = createServer({ services: service.services, logger });
    channel = createChannelTo(`127.0.0.1:${await server.listen({ host: '127.0.0.1', port: 0 })}`);
    client = connect();
  });
  afterAll(async () => {
    if (skip) return;
    channel.close();
    await service.close();
    await server.drain(2_000);
    await opened.dispose();
  });

  test.skipIf(skip)('counts a point once, and its first value stays', async () => {
    expect(await client.recordMetrics({ points: [point('once', 'reward', 1, 0.5), point('once', 'reward', 1, 0.9), point('once', 'loss', 1, 3)] })).toEqual({
      recorded: 2,
    });
    expect(await client.recordMetrics({ points: [point('once', 'reward', 1, 0.7), point('once', 'reward', 2, 0.6)] })).toEqual({ recorded: 1 });
    const { points } = await client.queryMetrics({ run: run('once'), metrics: ['reward'] });
    expect(points).toEqual([point('once', 'reward', 1, 0.5), point('once', 'reward', 2, 0.6)]);
  });

  test.skipIf(skip)('pages through many points in order', async () => {
    const points = Array.from({ length: 5_000 }, (_, i) => point('many', i % 2 === 0 ? 'a' : 'b', i, i));
    expect(await client.recordMetrics({ points })).toEqual({ recorded: 5_000 });
    const read: metrics.Point[] = [];
    for (let pageToken = ''; ;) {
      const page = await client.queryMetrics({ run: run('many'), minStep: 10, maxStep: 4_009, pageSize: 700, pageToken });
      expect(page.points.length).toBeLessThanOrEqual(700);
      read.push(...page.points);
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
    }
    const inRange = points.filter(({ step }) => step >= 10 && step <= 4_009);
    expect(read).toEqual([...inRange.filter(({ metric }) => metric === 'a'), ...inRange.filter(({ metric }) => metric === 'b')]);
    const { nextPageToken } = await client.queryMetrics({ run: run('many'), pageSize: 1 });
    expect(await refusal(client.queryMetrics({ run: run('many'), metrics: ['a'], pageSize: 1, pageToken: nextPageToken }))).toBe(
      'INVALID_ARGUMENT INVALID_PAGE_TOKEN',
    );
    expect(await refusal(client.queryMetrics({ run: run('many'), minStep: 2, maxStep: 1 }))).toBe('INVALID_ARGUMENT INVALID_FIELD');
  });

  test.skipIf(skip)('refuses what is no number', async () => {
    expect(await refusal(client.recordMetrics({ points: [point('nan', 'loss', 1, Number.NaN)] }))).toMatch(/^INVALID_ARGUMENT/);
    expect(await refusal(client.recordMetrics({ points: [{ ...point('nan', 'loss', 1, 1), run: 'somewhere' }] }))).toMatch(/^INVALID_ARGUMENT/);
    for (const time of [new Date(-1), new Date(Date.UTC(10_000, 0))]) {
      expect(await refusal(client.recordMetrics({ points: [{ ...point('nan', 'loss', 1, 1), time }] }))).toBe('INVALID_ARGUMENT INVALID_FIELD');
    }
  });

  test.skipIf(skip)('sums up runs', async () => {
    await client.recordMetrics({ points: [point('sum', 'loss', 2, 0.5), point('sum', 'loss', 1, 2)] });
    await client.recordMetrics({ points: [point('sum', 'loss', 3, 0.75), point('sum', 'reward', 1, -1)] });
    await client.recordMetrics({ points: [point('sum', 'loss', 0, 4)] });
    const summary = await client.getRunSummary({ run: run('sum') });
    expect(summary).toMatchObject({
      run: run('sum'),
      metrics: [
        { metric: 'loss', count: 4, lastStep: 3, lastValue: 0.75, minValue: 0.5, maxValue: 4, lastTime: new Date(3_000) },
        { metric: 'reward', count: 1, lastStep: 1, lastValue: -1, minValue: -1, maxValue: -1 },
      ],
    });
    expect(await refusal(client.getRunSummary({ run: run('nothing') }))).toBe('NOT_FOUND RUN_NOT_FOUND');
    await client.recordMetrics({ points: [{ ...point('newest', 'loss', 1, 1), run: 'namespaces/listed/searches/b' }] });
    await client.recordMetrics({ points: [{ ...point('newest', 'loss', 1, 1), run: 'namespaces/listed/searches/c' }] });
    const first = await client.listRunSummaries({ parent: 'namespaces/listed', pageSize: 1 });
    expect(first.runs.map((one) => one.run)).toEqual(['namespaces/listed/searches/c']);
    const second = await client.listRunSummaries({ parent: 'namespaces/listed', pageSize: 1, pageToken: first.nextPageToken });
    expect([second.runs.map((one) => one.run), second.nextPageToken]).toEqual([['namespaces/listed/searches/b'], '']);
  });

  test.skipIf(skip)('watches from a position, and goes on after the stream was cut', async () => {
    await client.recordMetrics({ points: [point('watch', 'loss', 1, 1), point('watch', 'reward', 1, 1)] });
    const read = async (position: string, count: number, between: () => Promise<unknown>): Promise<{ steps: number[]; position: string }> => {
      const controller = new AbortController();
      const steps: number[] = [];
      let reached = position;
      let written = false;
      for await (const message of client.watchMetrics({ run: run('watch'), metrics: ['loss'], position }, { signal: controller.signal })) {
        steps.push(...message.points.map(({ step }) => step));
        reached = message.position;
        if (steps.length >= count) break;
        if (!written) await between();
        written = true;
      }
      controller.abort();
      return { steps, position: reached };
    };
    const first = await read('', 3, () => client.recordMetrics({ points: [point('watch', 'loss', 3, 1), point('watch', 'loss', 2, 1)] }));
    expect(first.steps).toEqual([1, 3, 2]); // as recorded
    await client.recordMetrics({ points: [point('watch', 'loss', 4, 1), point('watch', 'loss', 1, 9)] });
    const second = await read(first.position, 1, () => Promise.resolve());
    expect(second.steps).toEqual([4]);
    const wrong = async (): Promise<void> => {
      for await (const _ of client.watchMetrics({ run: run('other'), position: first.position })) break;
    };
    expect(await refusal(wrong())).toBe('INVALID_ARGUMENT INVALID_PAGE_TOKEN');
  });

  test.skipIf(skip)('deletes series, and begins them anew', async () => {
    await client.recordMetrics({
      points: [point('gone', 'loss', 1, 1), point('gone', 'loss', 2, 2), point('gone', 'reward', 1, 3), point('kept', 'loss', 1, 1)],
    });
    const controller = new AbortController();
    const watched: string[] = [];
    const watching = (async () => {
      for await (const { points } of client.watchMetrics({ run: run('gone') }, { signal: controller.signal })) {
        watched.push(...points.map(({ metric, step, value }) => `${metric}/${step}/${value}`));
        if (watched.length >= 4) break;
      }
    })();
    await expect.poll(() => watched.length).toBe(3);
    expect(await client.deleteSeries({ run: run('gone'), metrics: ['loss', 'nothing'] })).toEqual({ deleted: 1 });
    expect((await client.queryMetrics({ run: run('gone') })).points.map(({ metric }) => metric)).toEqual(['reward']);
    expect(await client.deleteSeries({ run: run('gone') })).toEqual({ deleted: 1 });
    expect(await client.deleteSeries({ run: run('gone') })).toEqual({ deleted: 0 });
    expect(await refusal(client.getRunSummary({ run: run('gone') }))).toBe('NOT_FOUND RUN_NOT_FOUND');
    expect((await client.queryMetrics({ run: run('kept') })).points).toHaveLength(1);
    const { runs } = await client.listRunSummaries({ parent: run('gone').split('/').slice(0, 2).join('/'), pageSize: 1000 });
    expect(runs.map((one) => one.run)).not.toContain(run('gone'));
    // A step that was deleted may be recorded again, and an open watch sees it.
    expect(await client.recordMetrics({ points: [point('gone', 'loss', 1, 7)] })).toEqual({ recorded: 1 });
    await watching;
    expect(watched[3]).toBe('loss/1/7');
    expect(await client.getRunSummary({ run: run('gone') })).toMatchObject({ metrics: [{ metric: 'loss', count: 1, lastValue: 7, minValue: 7 }] });
  });

  test.skipIf(skip)('gives a watcher every point of writers that run at once', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const watching = (async () => {
      for await (const message of client.watchMetrics({ run: run('busy') }, { signal: controller.signal })) {
        seen.push(...message.points.map(({ step }) => step));
        if (seen.length >= 400) break;
      }
    })();
    await Promise.all(
      Array.from({ length: 20 }, (_, writer) =>
        client.recordMetrics({ points: Array.from({ length: 20 }, (_point, i) => point('busy', 'loss', writer * 20 + i, 1)) }),
      ),
    );
    await watching;
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, i) => i));
  });

  test.skipIf(skip)('serves Prometheus and health over HTTP', async () => {
    await client.recordMetrics({ points: [point('scraped', 'meanReward', 7, 0.125)] });
    const base = `http://127.0.0.1:${service.httpPort}`;
    const scrape = await fetch(`${base}/metrics`);
    expect(scrape.headers.get('content-type')).toContain('text/plain');
    const text = await scrape.text();
    expect(text).toContain(`nat_run_value{run="${run('scraped')}",metric="meanReward"} 0.125`);
    expect(text).toContain(`nat_run_step{run="${run('scraped')}",metric="meanReward"} 7`);
    const health = await fetch(`${base}/healthz`);
    expect([health.status, await health.text()]).toEqual([200, 'ok\n']);
    expect((await fetch(`${base}/elsewhere`)).status).toBe(404);
    expect((await fetch(`${base}/metrics`, { method: 'POST' })).status).toBe(405);
  });
});
