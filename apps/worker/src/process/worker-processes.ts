import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@nat/service';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

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

/** Pause before a worker is started again, milliseconds: doubled for each that lived shorter than SETTLED_MS, so that one that cannot start does not spin. */
const RESTART_MS = 500;
const LONGEST_RESTART_MS = 30_000;
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
  const running = new Set<WorkerProcess>();
  const stopped = (): boolean => closing.signal.aborted;
  const keep = async (index: number): Promise<void> => {
    let short = 0;
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
      const { code, signal } = await worker.exited;
      running.delete(worker);
      if (stopped()) return;
      short = performance.now() - since < SETTLED_MS ? short + 1 : 0;
      const pauseMs = Math.min(LONGEST_RESTART_MS, RESTART_MS * 2 ** short);
      logger.warn({ worker: index, code, signal, pauseMs }, 'a worker process ended; starting it again');
      await sleep(pauseMs, undefined, { signal: closing.signal }).catch(() => undefined);
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
