import { officialSpace, primitive, zooArchitecture, type Architecture, type Cell } from '@nat/cells';
import { batchesInOrder, splitDataset } from '@nat/datasets';
import { decodeTensors, encodeTensors, loadTensorflow } from '@nat/tensor';
import type { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { Supernet, type SupernetOptions, type StepReport } from './supernet.ts';
import { trainShard, type ShardTraining } from './train-shard.ts';
import { stripedImages } from '../testing/striped-images.ts';

const tf = loadTensorflow();
const space = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
const splits = splitDataset(stripedImages({ train: 48, test: 12 }), { seed: 1, validationFraction: 0.5 });
const OPTIONS: SupernetOptions = { tf, space, channels: 2, layers: 3, imageSize: 8, classes: 3, seed: 4, learningRate: 0.05 };

/** Inputs and operations uniform over the space, as the official code draws them. */
function drawPath(random: RandomStream): Architecture {
  const cell = (name: string): Cell => ({
    name,
    inputs: 2,
    nodes: 6,
    edges: [2, 3, 4, 5].flatMap((to) =>
      [0, 1].map(() => ({ from: random.integer(to), to, operation: primitive(space.primitives[random.integer(space.primitives.length - 1)]!) })),
    ),
    output: { kind: 'concat', nodes: [2, 3, 4, 5] },
  });
  return { cells: [cell('normal'), cell('reduce')], skeleton: { kind: 'repeated' } };
}

/** The only shard of a round: the sequential algorithm. */
const TRAINING = { split: splits.train, batchSize: 8, seed: 4, shard: 0, shards: 1, drawPath };
const train = (supernet: Supernet, more: Pick<ShardTraining, 'steps'> & Partial<ShardTraining>) => trainShard(supernet, { ...TRAINING, ...more });

describe('the supernet', () => {
  it('goes on from a saved state bit for bit', async () => {
    const before = tf.memory().numTensors;
    const whole: StepReport[] = [];
    const undisturbed = new Supernet(OPTIONS);
    await train(undisturbed, { steps: 6, onStep: (report) => void whole.push(report) });

    const pieces: StepReport[] = [];
    const first = new Supernet(OPTIONS);
    await train(first, { steps: 3, onStep: (report) => void pieces.push(report) });
    const file = decodeTensors(encodeTensors(first.exportState()));
    const second = new Supernet(OPTIONS);
    second.importState(file);
    expect(second.exportState()).toEqual(first.exportState());
    await train(second, { steps: 3, onStep: (report) => void pieces.push(report) });

    expect(pieces).toEqual(whole);
    expect(second.steps).toBe(6);
    expect(encodeTensors(second.exportState())).toEqual(encodeTensors(undisturbed.exportState()));
    for (const shared of [undisturbed, first, second]) shared.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('learns', async () => {
    const shared = new Supernet(OPTIONS);
    const losses: number[] = [];
    await train(shared, { batchSize: 24, steps: 40, onStep: ({ loss }) => void losses.push(loss) });
    const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length;
    expect(mean(losses.slice(-10))).toBeLessThan(mean(losses.slice(0, 10)));
    shared.dispose();
  });

  it('scores on the images given, and leaves the weights as they are', async () => {
    const shared = new Supernet(OPTIONS);
    await train(shared, { steps: 4 });
    const batches = await Array.fromAsync(batchesInOrder(splits.validation, 12));
    const [darts, thinned] = [zooArchitecture('DARTS'), zooArchitecture('NAT_DARTS')];
    const accuracy = shared.accuracy(darts, batches);
    expect(accuracy * 24).toBeCloseTo(Math.round(accuracy * 24), 6);
    const state = encodeTensors(shared.exportState());
    expect(shared.accuracy(darts, batches)).toBe(accuracy);
    expect(encodeTensors(shared.exportState())).toEqual(state);
    shared.accuracy(thinned, batches);
    expect(shared.accuracy(darts, batches)).toBe(accuracy);
    const again = new Supernet(OPTIONS);
    again.importState(decodeTensors(state));
    expect(again.accuracy(darts, batches)).toBe(accuracy);
    for (const one of [shared, again]) one.dispose();
  });

  it('refuses paths that it does not hold, and states of another supernet', async () => {
    const shared = new Supernet(OPTIONS);
    const batches = await Array.fromAsync(batchesInOrder(splits.validation, 12));
    expect(() => shared.accuracy(zooArchitecture('ENAS'), batches)).toThrow(/7 nodes, the cells of FULLY_CONCAT_PRIMITIVES have 6/);
    expect(() => shared.accuracy(zooArchitecture('vgg16'), batches)).toThrow(/not a explicit skeleton/);
    const darts = zooArchitecture('DARTS');
    const edges = darts.cells[0]!.edges.map((edge, i) => (i === 3 ? { ...edge, operation: primitive('sep_conv_7x7') } : edge));
    expect(() => shared.accuracy({ ...darts, cells: [{ ...darts.cells[0]!, edges }, darts.cells[1]!] }, batches)).toThrow(
      /architecture.cells\[0\].edges\[3\].operation: sep_conv_7x7 is not among/,
    );
    expect(() => {
      shared.importState({ tensors: new Map(), metadata: {} });
    }).toThrow(/no state of shared weights/);
    const other = new Supernet({ ...OPTIONS, seed: 9 });
    expect(() => {
      shared.importState(other.exportState());
    }).toThrow(/seed 9, not 4/);
  });
});
