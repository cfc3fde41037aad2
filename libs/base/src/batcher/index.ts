export { createBatcher, type BatcherOptions, type Settled } from './batcher.ts';
