export { runWorkersOnGpus, runWorkerUntilSignal, type RunWorkerOptions } from './run-worker.ts';
export { startPlatform, type Platform, type PlatformOptions } from './start-platform.ts';
