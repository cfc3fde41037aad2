export { RandomStream, deriveKey } from './random-stream.ts';
