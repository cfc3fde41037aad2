import { officialSpace, randomOfficialArchitecture } from '@nat/cells';
import { drawBatch, loadDataset, splitForSearch } from '@nat/datasets';
import { Supernet } from '@nat/training';
import { loadTensorflow } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';

export interface MemoryOptions {
  readonly channels: number;
  readonly layers: number;
  readonly batch: number;
  readonly threads: number;
  readonly steps: number;
}

export interface MemoryPoint {
  readonly step: number;
  /** Resident memory of the process, megabytes of 10^6 bytes, as are those of the JavaScript heap. */
  readonly rssMb: number;
  readonly heapMb: number;
  /** Tensors that are held: weights, statistics and momentum. */
  readonly tensors: number;
}

export interface MemoryReport {
  readonly points: readonly MemoryPoint[];
  /** Slope of resident memory over the second half, least squares. */
  readonly mbPer1000Steps: number;
}

/** How many times memory is looked at. */
const POINTS = 20;

/** Memory over many steps of a supernet of DARTS's space on MNIST: another path and other images in each step, as a search trains it. */
export async function measureMemory({ steps, threads, batch, ...size }: MemoryOptions, onPoint: (point: MemoryPoint) => void): Promise<MemoryReport> {
  const tf = loadTensorflow({ threads });
  const { weights: split } = splitForSearch(loadDataset('mnist', undefined), 'set-aside');
  const space = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
  const shared = new Supernet({ tf, space, ...size, imageSize: 32, classes: 10, seed: 0 });
  const points: MemoryPoint[] = [];
  const every = Math.max(1, Math.floor(steps / POINTS));
  for (let step = 1; step <= steps; step++) {
    const random = RandomStream.of('memory', step);
    shared.trainStep(randomOfficialArchitecture(space, random), await drawBatch(split, { batchSize: batch, random, augment: true }));
    if (step % every !== 0 && step !== steps) continue;
    const { rss, heapUsed } = process.memoryUsage();
    const point = { step, rssMb: rss / 1e6, heapMb: heapUsed / 1e6, tensors: tf.memory().numTensors };
    points.push(point);
    onPoint(point);
  }
  shared.dispose();
  return { points, mbPer1000Steps: 1000 * slopeOf(points.filter(({ step }) => step > steps / 2)) };
}

/** Least squares of rssMb over step. */
function slopeOf(points: readonly MemoryPoint[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(({ step }) => step)), mean(points.map(({ rssMb }) => rssMb))];
  const covariance = points.reduce((sum, { step, rssMb }) => sum + (step - x) * (rssMb - y), 0);
  const variance = points.reduce((sum, { step }) => sum + (step - x) ** 2, 0);
  return variance === 0 ? 0 : covariance / variance;
}
