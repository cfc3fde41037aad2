import { networkCost, type LoweredArchitecture } from '@nat/cells';

/** Enough for a CPU: larger passes take as long an image. */
const ON_A_CPU = 200;
/** A pass of more gains nothing on any GPU of today, and a split is loaded a pass at a time. */
const MOST = 4_096;
/** Of a GPU's memory: weights, workspaces of convolutions and what TensorFlow keeps for later have the rest. */
const SHARE = 1 / 4;

/**
 * Images a pass when accuracy is counted, which has no influence on the result but rounding: the largest power of two whose activations fit.
 * @param memoryBytes of the GPU that is trained on; undefined on a CPU
 */
export function evaluationBatch(network: LoweredArchitecture, memoryBytes: number | undefined): number {
  if (memoryBytes === undefined) return ON_A_CPU;
  const images = (SHARE * memoryBytes) / networkCost(network).peakActivationBytes;
  return Math.min(MOST, 2 ** Math.max(0, Math.floor(Math.log2(images))));
}
