import { officialSpace, randomOfficialArchitecture, zooArchitecture, type Architecture } from '@nat/cells';
import { batchesInOrder, splitDataset } from '@nat/datasets';
import { encodeTensors, loadTensorflow, type TensorFile } from '@nat/tensor';
import type { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { averageSharedWeights } from './average.ts';
import { parseState, Supernet, VELOCITY, type SupernetOptions } from './supernet.ts';
import { trainShard } from './train-shard.ts';
import { stripedImages } from '../testing/striped-images.ts';

const tf = loadTensorflow();
const space = officialSpace('NAT', 'LOOSE_END_PRIMITIVES');
const splits = splitDataset(stripedImages({ train: 48, test: 12 }), { seed: 1, validationFraction: 0.5 });
const OPTIONS: SupernetOptions = { tf, space, channels: 2, layers: 3, imageSize: 8, classes: 3, seed: 4, learningRate: 0.05 };

/** The state of a shard after some steps from a state; one of several is settled, the only one is not. */
async function stateAfter(from: TensorFile | undefined, shard: number, steps: number, shards = 4): Promise<TensorFile> {
  const shared = new Supernet(OPTIONS);
  if (from !== undefined) shared.importState(from);
  const drawPath = (random: RandomStream): Architecture => randomOfficialArchitecture(space, random);
  await trainShard(shared, { split: splits.train, batchSize: 8, seed: 4, steps, shard, shards, drawPath });
  const state = shared.exportState();
  shared.dispose();
  return state;
}

describe('averageSharedWeights', async () => {
  const start = await stateAfter(undefined, 0, 3);
  const [a, b, c] = [await stateAfter(start, 1, 2), await stateAfter(start, 2, 2), await stateAfter(start, 3, 2)];

  it('takes the mean of weights, statistics and momentum, each by how often a shard trained it', () => {
    const average = averageSharedWeights([a, b, c]);
    expect(new Set(average.tensors.keys())).toEqual(new Set([a, b, c].flatMap(({ tensors }) => [...tensors.keys()])));
    let [moved, alone] = [0, 0];
    const updates = [a, b, c].map(({ metadata }) => parseState(metadata).updates!);
    const sharesOf = (name: string): number[] => {
      const counts = updates.map((shard) => shard[name.replace(VELOCITY, '')] ?? 0);
      const total = counts.reduce((sum, count) => sum + count, 0);
      return counts.map((count) => (total === 0 ? 1 / 3 : count / total));
    };
    for (const [name, { data }] of average.tensors) {
      const shards = [a, b, c].map(({ tensors }) => tensors.get(name)?.data);
      const initial = name.endsWith('.running_var') ? 1 : 0;
      if (!name.startsWith(VELOCITY) && !name.includes('.running_')) expect(shards.every((shard) => shard !== undefined)).toBe(true);
      const shares = sharesOf(name);
      const expected = Float32Array.from(data, (_, k) => shards.reduce((sum, shard, i) => sum + shares[i]! * (shard?.[k] ?? initial), 0));
      expect(data).toEqual(expected);
      if (shards[0] !== undefined && data.some((value, k) => value !== shards[0]![k])) moved++;
      // What one shard alone trained stays as that shard has it.
      const only = shares.indexOf(1);
      if (only < 0) continue;
      expect(data).toEqual(shards[only]);
      alone++;
    }
    expect(moved).toBeGreaterThan(50);
    expect(alone).toBeGreaterThan(10);
    expect(parseState(average.metadata).updates).toEqual({});
  });

  it('is a state that training goes on from', async () => {
    const average = averageSharedWeights([a, b, c]);
    const next = await stateAfter(average, 1, 1);
    expect(encodeTensors(next)).not.toEqual(encodeTensors(average));
    const shared = new Supernet(OPTIONS);
    shared.importState(average);
    expect(shared.steps).toBe(5);
    expect(shared.accuracy(zooArchitecture('ENAS'), await Array.fromAsync(batchesInOrder(splits.validation, 12)))).toBeGreaterThanOrEqual(0);
    shared.dispose();
  });

  it('gives one state back, and equal states unchanged', () => {
    expect(averageSharedWeights([a])).toBe(a);
    expect(averageSharedWeights([a, a]).tensors).toEqual(a.tensors);
  });

  it('refuses what does not belong together', async () => {
    const shorter = await stateAfter(start, 1, 1);
    const unsettled = await stateAfter(await stateAfter(undefined, 0, 3, 1), 1, 2, 1);
    expect(() => averageSharedWeights([])).toThrow(/nothing to average/);
    expect(() => averageSharedWeights([a, shorter])).toThrow(/another number of steps/);
    expect(() => averageSharedWeights([a, unsettled])).toThrow(/settled before/);
    expect(() => averageSharedWeights([a, { tensors: new Map(), metadata: {} }])).toThrow(/no state of shared weights/);
  });
});
