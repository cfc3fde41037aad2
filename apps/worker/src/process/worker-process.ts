import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../main.ts', import.meta.url));

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

/** A worker process that lives no longer than this one: it ends when the channel to its parent closes. */
export interface WorkerProcess {
  readonly pid: number | undefined;
  /** Resolves with how it ended. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Drains it; kills it when it takes longer than `graceMs`. */
  readonly stop: (graceMs: number) => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** Starts a worker beside this process. */
export function startWorkerProcess({ server, workerId, blobUrl, dataDir, environment = {}, stderr = 'inherit' }: WorkerProcessOptions): WorkerProcess {
  const child: ChildProcess = fork(ENTRY, [], {
    execArgv: [],
    stdio: ['ignore', 'ignore', stderr, 'ipc'],
    env: {
      ...process.env,
      NAT_SERVER: server,
      NAT_WORKER_ID: workerId,
      NAT_BLOB_URL: blobUrl,
      NAT_BLOB_DIR: undefined,
      ...(dataDir === undefined ? {} : { NAT_DATA_DIR: dataDir }),
      ...environment,
    },
  });
  const exited = new Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
    child.once('error', () => {
      resolve({ code: null, signal: null });
    });
  });
  return {
    pid: child.pid,
    exited,
    kill: (signal) => void child.kill(signal),
    stop: async (graceMs) => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}
