import { setTimeout as sleep } from 'node:timers/promises';
import { startWorkerProcess, type WorkerProcess } from '@nat/evaluator-service';
import type { Logger } from '@nat/service';

export interface WorkerProcessesOptions {
  readonly count: number;
  /** HOST:PORT of WorkerService. */
  readonly server: string;
  readonly blobDirectory: string;
  readonly dataDirectory: string | undefined;
  readonly logger: Logger;
}

/** A worker that dies is started again after this long, so that one that cannot start does not spin, milliseconds. */
const RESTART_MS = 2_000;
const DRAIN_MS = 5_000;

/** Keeps `count` workers running beside this process. They end with it, however it ends. */
export function startWorkerProcesses({ count, server, blobDirectory, dataDirectory, logger }: WorkerProcessesOptions): { readonly close: () => Promise<void> } {
  const closing = new AbortController();
  const running = new Set<WorkerProcess>();
  const stopped = (): boolean => closing.signal.aborted;
  const keep = async (index: number): Promise<void> => {
    while (!stopped()) {
      const worker = startWorkerProcess({
        server,
        workerId: `local-${index}`,
        blobDirectory,
        dataDir: dataDirectory,
        environment: { NAT_LOG_LEVEL: logger.level },
      });
      running.add(worker);
      const { code, signal } = await worker.exited;
      running.delete(worker);
      if (stopped()) return;
      logger.warn({ worker: index, code, signal }, 'a worker process ended; starting it again');
      await sleep(RESTART_MS, undefined, { signal: closing.signal }).catch(() => undefined);
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
