/**
 * Work on a supernet of ours, a piece at a time: step-main.ts THREADS SETTINGS, a line on standard input for each piece, which is a training step or the
 * scoring of one batch. As torch_step.py beside it.
 */
import { officialSpace, zooArchitecture } from '@nat/cells';
import { Supernet } from '@nat/training';
import { loadTensorflow } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';
import { serveMeasurements } from '../measure/measured-program.ts';
import type { StepSettings } from './step.ts';

const [threads, settings] = process.argv.slice(2);
const { channels, layers, batch, network, work } = JSON.parse(settings!) as StepSettings;
const tf = loadTensorflow({ threads: Number(threads) });
const space = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
const shared = new Supernet({ tf, space, channels, layers, imageSize: 32, classes: 10, seed: 0 });
const architecture = zooArchitecture(network);
const random = RandomStream.of(0, 'images');
const images = Float32Array.from({ length: batch * 32 * 32 * 3 }, () => random.uniform() * 2 - 1);
const labels = Int32Array.from({ length: batch }, (_, i) => i % 10);
const seen = { size: batch, imageSize: 32, images, labels };

await serveMeasurements(tf.version_core, () => (work === 'train' ? shared.trainStep(architecture, seen).loss : shared.accuracy(architecture, [seen])));
