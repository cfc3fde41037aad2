import { describeEnd, type RunningProcess } from '@nat/base/process';
import { Backoff, type RetryPolicy } from '@nat/base/retry';
import type { Logger } from '@nat/service';
import { startWorkerProcess } from './worker-process.ts';

export interface WorkerProcessesOptions {
  readonly count: number;
  /** HOST:PORT of WorkerService. */
  readonly server: string;
  readonly blobUrl: string;
  readonly dataDirectory: string | undefined;
  readonly logger: Logger;
  /** Stable over restarts. @default local-0, local-1, ... */
  readonly idOf?: (index: number) => string;
  /** Variables of one of them. @default none */
  readonly environmentOf?: (index: number) => Readonly<Record<string, string>>;
}

/** Pauses before a worker is started again: they grow while it ends soon after its start, so that one that cannot start does not spin. */
const RESTART_POLICY: RetryPolicy = { initialIntervalMs: 500, maximumIntervalMs: 30_000 };
/** One that lived for so long, milliseconds, had started. */
const SETTLED_MS = 10_000;
const DRAIN_MS = 5_000;

/** Keeps `count` workers running beside this process. They end with it, however it ends. */
export function startWorkerProcesses({
  count,
  server,
  blobUrl,
  dataDirectory,
  logger,
  idOf = (index) => `local-${index}`,
  environmentOf = () => ({}),
}: WorkerProcessesOptions): { readonly close: () => Promise<void> } {
  const closing = new AbortController();
  const stopped = (): boolean => closing.signal.aborted;
  const running = new Set<RunningProcess>();
  const keep = async (index: number): Promise<void> => {
    const backoff = new Backoff(RESTART_POLICY);
    while (!stopped()) {
      const since = performance.now();
      const worker = startWorkerProcess({
        server,
        workerId: idOf(index),
        blobUrl,
        dataDir: dataDirectory,
        environment: { NAT_LOG_LEVEL: logger.level, ...environmentOf(index) },
      });
      running.add(worker);
      const end = await worker.ended;
      running.delete(worker);
      if (stopped()) return;
      if (performance.now() - since >= SETTLED_MS) backoff.reset();
      logger.warn({ worker: index, failures: backoff.failures + 1 }, `a worker process ${describeEnd(end)}; starting it again`);
      await backoff.pause(closing.signal);
    }
  };
  const kept = Array.from({ length: count }, (_, index) => keep(index));
  return {
    close: async () => {
      closing.abort();
      await Promise.all([...running].map((worker) => worker.stop(DRAIN_MS)));
      await Promise.all(kept);
    },
  };
}
