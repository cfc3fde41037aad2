import { startProcess, type RunningProcess } from '@nat/base/process';

const ENTRY = new URL('../main.ts', import.meta.url);

export interface WorkerProcessOptions {
  /** `host:port` of WorkerService. */
  readonly server: string;
  /** Stable over restarts. */
  readonly workerId: string;
  /** For `openBlobStore`. */
  readonly blobUrl: string;
  readonly dataDir?: string | undefined;
  /** Other variables of `main.ts`, such as NAT_LOG_LEVEL or NAT_WORKER_KINDS. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where its log lines go. @default this process's standard error */
  readonly stderr?: 'inherit' | 'ignore';
}

/** Starts a worker beside this process, which it does not outlive: it ends when the channel to its parent closes. */
export function startWorkerProcess({ server, workerId, blobUrl, dataDir, environment = {}, stderr = 'inherit' }: WorkerProcessOptions): RunningProcess {
  return startProcess(ENTRY, {
    channel: true,
    stderr,
    env: {
      NAT_SERVER: server,
      NAT_WORKER_ID: workerId,
      NAT_BLOB_URL: blobUrl,
      NAT_BLOB_DIR: undefined,
      ...(dataDir === undefined ? {} : { NAT_DATA_DIR: dataDir }),
      ...environment,
    },
  });
}
