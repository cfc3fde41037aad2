/** An epoch of augmented batches at a time: data-main.ts SETTINGS, a line on standard input for each epoch. As torch_data.py beside it. */
import { loadDataset, trainingBatches } from '@nat/datasets';
import { RandomStream } from '@nat/base/random';
import { serveMeasurements } from '../measure/measured-program.ts';
import type { DataSettings } from './data.ts';

const { dataset: name, directory, batch, images } = JSON.parse(process.argv[2]!) as DataSettings;
const dataset = loadDataset(name, directory);
const split = { dataset, pool: dataset.train, indices: Uint32Array.from({ length: images }, (_, i) => i) };

let epoch = 0;
await serveMeasurements(process.version, async () => {
  let seen = 0;
  for await (const { size } of trainingBatches(split, { batchSize: batch, random: RandomStream.of('data', epoch), augment: true })) seen += size;
  epoch++;
  return seen;
});
