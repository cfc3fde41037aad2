export type { Execute } from './job/job.ts';
export { findCapabilities } from './machine/capabilities.ts';
export { runWorkersOnGpus, runWorkerUntilSignal, type RunWorkerOptions } from './process/run-worker.ts';
export { startWorkerProcess, type WorkerProcessOptions } from './process/worker-process.ts';
export { startWorkerProcesses, type WorkerProcessesOptions } from './process/worker-processes.ts';
export { startWorker, type Worker, type WorkerConfig, type WorkerOptions } from './worker.ts';
