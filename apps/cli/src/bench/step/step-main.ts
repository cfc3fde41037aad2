/**
 * Work on a supernet of ours, a piece at a time: step-main.ts THREADS SETTINGS, a line on standard input for each piece, which is a training step or the
 * scoring of one batch. As torch_step.py beside it.
 */
import { createInterface } from 'node:readline';
import { officialSpace, zooArchitecture } from '@nat/architecture';
import { SharedWeights } from '@nat/network';
import { loadTensorflow } from '@nat/nn';
import { RandomStream } from '@nat/random';
import type { StepSettings } from './step.ts';

const [threads, settings] = process.argv.slice(2);
const { channels, layers, batch, network, work } = JSON.parse(settings!) as StepSettings;
const tf = loadTensorflow({ threads: Number(threads) });
const space = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
const shared = new SharedWeights({ tf, space, channels, layers, imageSize: 32, classes: 10, seed: 0 });
const architecture = zooArchitecture(network);
const random = RandomStream.of(0, 'images');
const images = Float32Array.from({ length: batch * 32 * 32 * 3 }, () => random.uniform() * 2 - 1);
const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);

process.stdout.write(`${JSON.stringify({ version: tf.version_core })}\n`);
const asked = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
while ((await asked.next()).done !== true) {
  const start = performance.now();
  const seen = { size: batch, imageSize: 32, images, labels };
  const value = work === 'train' ? shared.trainStep(architecture, seen).loss : shared.accuracy(architecture, [seen]);
  process.stdout.write(`${JSON.stringify({ ms: performance.now() - start, value, rssMb: process.resourceUsage().maxRSS / 1024 })}\n`);
}
