import { officialSpace, primitive, zooArchitecture, type Architecture, type Cell } from '@nat/cells';
import { batchesInOrder, splitDataset } from '@nat/datasets';
import { decodeTensors, encodeTensors, loadTensorflow } from '@nat/tensor';
import type { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { Supernet, type SupernetOptions, type StepReport } from './shared-weights.ts';
import { stripedImages } from './striped-images.ts';

const tf = loadTensorflow();
const space = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
const splits = splitDataset(stripedImages({ train: 48, test: 12 }), { seed: 1, validationFraction: 0.5 });
const OPTIONS: SupernetOptions = { tf, space, channels: 2, layers: 3, imageSize: 8, classes: 3, seed: 4, learningRate: 0.05 };

/** Inputs and operations uniform over the space, as the official code draws them. */
function drawArchitecture(random: RandomStream): Architecture {
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

const training = { split: splits.train, batchSize: 8, drawArchitecture };

describe('SharedWeights', () => {
  it('goes on from a saved state bit for bit', async () => {
    const before = tf.memory().numTensors;
    const whole: StepReport[] = [];
    const undisturbed = new Supernet(OPTIONS);
    await undisturbed.train({ ...training, steps: 6, onStep: (report) => whole.push(report) });

    const pieces: StepReport[] = [];
    const first = new Supernet(OPTIONS);
    await first.train({ ...training, steps: 3, onStep: (report) => pieces.push(report) });
    const file = decodeTensors(encodeTensors(first.exportState()));
    const second = new Supernet(OPTIONS);
    second.importState(file);
    expect(second.exportState()).toEqual(first.exportState());
    await second.train({ ...training, steps: 3, onStep: (report) => pieces.push(report) });

    expect(pieces).toEqual(whole);
    expect(second.steps).toBe(6);
    expect(encodeTensors(second.exportState())).toEqual(encodeTensors(undisturbed.exportState()));
    for (const shared of [undisturbed, first, second]) shared.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('learns', async () => {
    const shared = new Supernet(OPTIONS);
    const losses: number[] = [];
    await shared.train({ ...training, batchSize: 24, steps: 40, onStep: ({ loss }) => losses.push(loss) });
    const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length;
    expect(mean(losses.slice(-10))).toBeLessThan(mean(losses.slice(0, 10)));
    shared.dispose();
  });

  it('scores pairs on the same images, and leaves the weights as they are', async () => {
    const shared = new Supernet(OPTIONS);
    await shared.train({ ...training, steps: 4 });
    const batches = await Array.fromAsync(batchesInOrder(splits.validation, 12));
    const [source, result] = [zooArchitecture('DARTS'), zooArchitecture('NAT_DARTS')];
    const pairs = shared.pairAccuracies([{ source, result }, { source: result, result: source }, { source }], batches);
    expect(pairs[1]).toEqual({ source: pairs[0]!.result, result: pairs[0]!.source });
    expect(pairs[2]).toEqual({ source: pairs[0]!.source });
    expect(pairs[0]!.source).toBe(shared.accuracy(source, batches));
    expect(pairs[0]!.source * 24).toBeCloseTo(Math.round(pairs[0]!.source * 24), 6);
    const state = encodeTensors(shared.exportState());
    shared.pairAccuracies([{ source, result }], batches);
    expect(encodeTensors(shared.exportState())).toEqual(state);
    shared.dispose();
  });

  it('stops when it is told to', async () => {
    const shared = new Supernet(OPTIONS);
    let asked = 0;
    expect(await shared.train({ ...training, steps: 5, shouldStop: () => ++asked > 2 })).toBe(2);
    expect(shared.steps).toBe(2);
    shared.dispose();
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
