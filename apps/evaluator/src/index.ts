export { DEFAULT_COORDINATOR_CONFIG, type CoordinatorConfig } from './coordinator/config.ts';
export { composeEvaluator, type Evaluator, type EvaluatorOptions } from './coordinator/compose.ts';
export { findCapabilities } from './worker/capabilities.ts';
export { findGpus } from './worker/gpus.ts';
export { startWorker, type Worker, type WorkerConfig, type WorkerOptions } from './worker/compose.ts';
export { KINDS, type Execute, type Kind } from './worker/job.ts';
export { defaultWorkerId } from './worker/worker-environment.ts';
export { startWorkerProcess, type WorkerProcess, type WorkerProcessOptions } from './worker/worker-process.ts';
