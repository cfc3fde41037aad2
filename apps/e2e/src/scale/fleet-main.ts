/** A process of simulated workers: the platform's own worker, many times, each with its own id and connection; only the work is simulated. */
import { setTimeout as sleep } from 'node:timers/promises';
import { evaluation } from '@nat/contracts';
import { candidatesOf } from '@nat/convert';
import { startWorker, type Execute } from '@nat/worker';
import { createChannelTo, createLogger, type ClientChannel } from '@nat/service';
import type { FleetOrders, FleetReport } from './fleet-messages.ts';

const REPORT_MS = 200;
const DRAIN_MS = 5_000;

const orders = JSON.parse(process.argv[2] ?? '') as FleetOrders;
const logger = createLogger({ name: 'scale-workers', level: 'error' });

let [registered, completed, leased, finishedMs] = [0, 0, 0, 0];
let leaseMs: number[] = [];
let completeMs: number[] = [];
/** Since when each evaluation runs. */
const running = new Map<string, number>();

/** A channel that tells how long the calls of interest took. */
function observed(channel: ClientChannel): ClientChannel {
  const client = (definition: typeof evaluation.WorkerServiceDefinition): object => {
    const inner = channel.client(definition);
    return {
      ...inner,
      leaseEvaluations: async (...call: Parameters<typeof inner.leaseEvaluations>) => {
        const since = performance.now();
        const response = await inner.leaseEvaluations(...call);
        if (response.leases.length > 0) leaseMs.push(performance.now() - since);
        leased += response.leases.length;
        return response;
      },
      completeEvaluations: async (...call: Parameters<typeof inner.completeEvaluations>) => {
        const since = performance.now();
        const response = await inner.completeEvaluations(...call);
        const ms = performance.now() - since;
        for (const { result } of response.results) {
          if (result?.$case !== 'state') continue;
          completeMs.push(ms);
          completed += 1;
        }
        return response;
      },
    };
  };
  return { ...channel, client: client as ClientChannel['client'] };
}

/** Gives every candidate a value that follows from its id. */
const simulate: Execute = async ({ evaluation: name, spec }, { signal }) => {
  running.set(name, performance.now());
  try {
    if (orders.workMs > 0) await sleep(orders.workMs, undefined, { signal });
  } finally {
    // A timer that fires late is no work.
    finishedMs += Math.min(orders.workMs, performance.now() - (running.get(name) ?? 0));
    running.delete(name);
  }
  const results = candidatesOf(spec).map(({ id }) => ({ candidateId: id, result: { $case: 'value' as const, value: 90 + (id.length % 7) / 7 } }));
  return evaluation.Outcome.create({ result: { $case: 'succeeded', value: { results } } });
};

const workers = Array.from({ length: orders.workers }, (_, i) => {
  const channel = createChannelTo(orders.server, { ownConnection: true });
  const workerId = `simulated-${orders.first + i}`;
  const worker = startWorker({
    channel: observed(channel),
    logger,
    quick: simulate,
    config: {
      workerId,
      instance: `${workerId}-${process.pid}`,
      kinds: ['tabular'],
      capabilities: ['table:nasbench201'],
      blobUrl: orders.blobs,
      quickLeases: orders.leases,
    },
  });
  void worker.registered.then(() => (registered += 1));
  return { worker, channel };
});

function report(): void {
  const now = performance.now();
  const busyMs = [...running.values()].reduce((sum, since) => sum + Math.min(orders.workMs, now - since), finishedMs);
  const message: FleetReport = { registered, completed, busyMs, leaseMs, leased, completeMs, residentBytes: process.memoryUsage.rss() };
  leaseMs = [];
  completeMs = [];
  process.send?.(message);
}
const reporting = setInterval(report, REPORT_MS);

const stop = async (): Promise<void> => {
  clearInterval(reporting);
  await Promise.all(workers.map(({ worker }) => worker.drain(DRAIN_MS)));
  for (const { channel } of workers) channel.close();
  report();
  process.disconnect();
};
let stopping: Promise<void> | undefined;
const stopOnce = (): void => void (stopping ??= stop());
process.on('message', stopOnce);
process.on('disconnect', () => process.exit());
