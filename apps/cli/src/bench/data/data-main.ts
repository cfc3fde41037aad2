/** An epoch of augmented batches at a time: data-main.ts SETTINGS, a line on standard input for each epoch. As torch_data.py beside it. */
import { createInterface } from 'node:readline';
import { loadDataset, trainingBatches } from '@nat/datasets';
import { RandomStream } from '@nat/random';
import type { DataSettings } from './data.ts';

const { dataset: name, directory, batch, images } = JSON.parse(process.argv[2]!) as DataSettings;
const dataset = loadDataset(name, directory);
const split = { dataset, pool: dataset.train, indices: Uint32Array.from({ length: images }, (_, i) => i) };

process.stdout.write(`${JSON.stringify({ version: process.version })}\n`);
const asked = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
for (let epoch = 0; (await asked.next()).done !== true; epoch++) {
  const start = performance.now();
  let seen = 0;
  for await (const { size } of trainingBatches(split, { batchSize: batch, random: RandomStream.of('data', epoch), augment: true })) seen += size;
  process.stdout.write(`${JSON.stringify({ ms: performance.now() - start, seen, rssMb: process.resourceUsage().maxRSS / 1024 })}\n`);
}
