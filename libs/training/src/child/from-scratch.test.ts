import { listZoo, networkCost, lower, primitive, readNasBench201, zooArchitecture, type Architecture, type PlacementOptions } from '@nat/cells';
import { splitDataset } from '@nat/datasets';
import { decodeTensors, encodeTensors, loadTensorflow } from '@nat/tensor';
import { describe, expect, it } from 'vitest';
import { trainFromScratch, type FromScratchOptions, type FromScratchReport } from './from-scratch.ts';
import { buildNetwork } from '../executor/network.ts';
import { stripedImages } from '../testing/striped-images.ts';
import { Weights } from '../executor/weights.ts';

const tf = loadTensorflow();

describe('buildNetwork', () => {
  const architectures: [string, Architecture, PlacementOptions][] = [
    ...listZoo().map(({ name, architecture }): [string, Architecture, PlacementOptions] => [name, architecture(), {}]),
    ['DARTS for ImageNet', zooArchitecture('DARTS'), { network: 'imagenet' }],
    ['a NAS-Bench-201 cell', readNasBench201('|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_3x3~2|'), {}],
  ];
  it.each(architectures)('%s has the parameters that its cost states', (_, architecture, placement) => {
    const network = lower(architecture, placement);
    const { parameters } = buildNetwork(network);
    const names = new Set(parameters.map(({ name }) => name));
    expect(names.size).toBe(parameters.length);
    expect(parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)).toBe(networkCost(network).params);
  });

  it.each(['DARTS', 'ENAS', 'NAONet', 'Mobilenetv2', 'vgg16', 'resnet20', 'mobilenet_v2'])('%s computes logits', (name) => {
    const network = lower(zooArchitecture(name), { channels: 4, layers: 4 });
    const before = tf.memory().numTensors;
    const weights = new Weights(tf, 1);
    tf.tidy(() => {
      const { logits } = buildNetwork(network).apply({ tf, weights, mode: 'batch' }, tf.randomNormal([2, 32, 32, 3], 0, 1, 'float32', 1));
      expect(logits.shape).toEqual([2, 10]);
      expect(logits.dataSync<'float32'>().every(Number.isFinite)).toBe(true);
    });
    weights.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses operations that are known by their cost alone', () => {
    const architecture: Architecture = {
      cells: [
        {
          name: 'only',
          inputs: 1,
          nodes: 2,
          edges: [{ from: 0, to: 1, operation: { kind: 'fixed', name: 'attention', params: 7, macs: 7 } }],
          output: { kind: 'last' },
        },
      ],
      skeleton: {
        kind: 'explicit',
        stem: { channels: 4, kernel: 3, stride: 1, activation: 'none' },
        placements: [{ cell: 'only', reads: [-1] }],
        head: { activation: 'relu' },
        imageSize: 8,
        classes: 3,
      },
    };
    expect(() => buildNetwork(lower(architecture))).toThrow(/attention is known by its cost alone/);
  });
});

describe('trainFromScratch', () => {
  const dataset = stripedImages();
  const splits = splitDataset(dataset, { seed: 1, validationFraction: 0.25 });
  /** conv-conv with a skip, 8 channels: learns stripes in seconds. */
  const architecture: Architecture = {
    cells: [
      {
        name: 'only',
        inputs: 1,
        nodes: 3,
        edges: [
          { from: 0, to: 1, operation: primitive('sep_conv_3x3') },
          { from: 1, to: 2, operation: primitive('conv_3x3') },
          { from: 0, to: 2, operation: primitive('skip_connect') },
        ],
        output: { kind: 'last' },
      },
    ],
    skeleton: {
      kind: 'explicit',
      stem: { channels: 8, kernel: 3, stride: 1, activation: 'none' },
      placements: [{ cell: 'only', reads: [-1] }],
      head: { activation: 'relu' },
      imageSize: 8,
      classes: 3,
    },
  };
  function ticking(): () => number {
    let milliseconds = 0;
    return () => (milliseconds += 10);
  }
  const options = (overrides: Partial<FromScratchOptions> = {}): FromScratchOptions => ({
    tf,
    architecture,
    splits,
    recipe: { epochs: 2, batchSize: 24, learningRate: 0.1 },
    seed: 5,
    now: ticking(),
    ...overrides,
  });

  it('learns, and reports what it did', async () => {
    const before = tf.memory().numTensors;
    const seen: number[] = [];
    const report = await trainFromScratch(options({ recipe: { epochs: 12, batchSize: 24, learningRate: 0.2 }, onEpoch: ({ epoch }) => void seen.push(epoch) }));
    expect(report.stopped).toBe('finished');
    expect(report.steps).toBe(12 * 3);
    expect(seen).toEqual(report.epochs.map(({ epoch }) => epoch));
    expect(report.epochs.at(-1)!.trainLoss).toBeLessThan(report.epochs[0]!.trainLoss);
    expect(report.testAccuracy).toBeGreaterThan(0.7);
    expect(report.validationAccuracy).toBeGreaterThan(0.7);
    expect(report.cost.params).toBe(networkCost(lower(architecture)).params);
    expect(report.imagesPerSecond).toBeGreaterThan(0);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('starts from the weights of its source, as good as that was, and goes on the same after a pause', async () => {
    const recipe = { epochs: 8, batchSize: 24, learningRate: 0.2 };
    const source = await trainFromScratch(options({ recipe, keepWeights: true }));
    const weights = source.weights!.tensors;
    const same = await trainFromScratch(
      options({ seed: 99, recipe: { preset: 'fine-tune', epochs: 2, batchSize: 24 }, inherit: { source: architecture, weights } }),
    );
    expect(same.inherited).toEqual({ params: source.cost.params, validationAccuracy: source.validationAccuracy });

    const [cell] = architecture.cells;
    const edited: Architecture = {
      ...architecture,
      cells: [{ ...cell!, edges: cell!.edges.map((edge, i) => (i === 1 ? { ...edge, operation: primitive('conv_1x1') } : edge)) }],
    };
    const child = options({ architecture: edited, recipe: { epochs: 3, batchSize: 24 }, inherit: { source: architecture, weights }, keepWeights: true });
    const whole = await trainFromScratch(child);
    // A 1x1 convolution and its normalisation are new.
    expect(whole.cost.params - whole.inherited!.params).toBe(8 * 8 + 2 * 8);
    const paused = await trainFromScratch({ ...child, recipe: { ...child.recipe, stopAfterEpochs: 1 }, keepState: true });
    const resumed = await trainFromScratch({ ...child, resumeFrom: paused.state! });
    expect([resumed.weights, resumed.inherited]).toEqual([whole.weights, whole.inherited]);
    const fresh = await trainFromScratch(options({ architecture: edited, recipe: { epochs: 3, batchSize: 24 } }));
    expect(whole.epochs[0]!.trainLoss).toBeLessThan(fresh.epochs[0]!.trainLoss);
    await expect(trainFromScratch({ ...child, inherit: { source: edited, weights } })).rejects.toMatchObject({ reason: 'OTHER_WEIGHTS' });
  });

  it('gives the same numbers for the same seed and others for another', async () => {
    const first = await trainFromScratch(options());
    expect(await trainFromScratch(options())).toEqual(first);
    expect((await trainFromScratch(options({ seed: 6 }))).epochs).not.toEqual(first.epochs);
  });

  it('ends at the first limit, between epochs or within one', async () => {
    const steps = await trainFromScratch(options({ recipe: { epochs: 5, maxSteps: 4, batchSize: 24 } }));
    expect([steps.stopped, steps.steps, steps.epochs.length]).toEqual(['finished', 4, 2]);
    const time = await trainFromScratch(options({ recipe: { maxSeconds: 0.1, batchSize: 24 } }));
    expect(time.stopped).toBe('time');
    expect(time.steps).toBeGreaterThan(0);
    let asked = 0;
    const cancelled = await trainFromScratch(options({ shouldStop: () => ++asked > 2, reportTest: false }));
    expect([cancelled.stopped, cancelled.steps, cancelled.testAccuracy]).toEqual(['cancelled', 2, undefined]);
  });

  it('trains with dropped edges and an auxiliary head', async () => {
    const large = splitDataset(stripedImages({ imageSize: 32, train: 24, test: 6 }), { seed: 1, validationFraction: 0.25 });
    const report = await trainFromScratch(
      options({
        architecture: zooArchitecture('DARTS'),
        placement: { channels: 2, layers: 3 },
        splits: large,
        recipe: { maxSteps: 2, batchSize: 6, dropPath: 0.5, auxiliaryWeight: 0.4 },
      }),
    );
    expect(report.steps).toBe(2);
    expect(Number.isFinite(report.epochs[0]!.trainLoss)).toBe(true);
  });

  describe('goes on from a state', () => {
    const recipe = { epochs: 5, batchSize: 24, learningRate: 0.2, dropPath: 0.3, cutout: 2, labelSmoothing: 0.1 };
    /** Everything that time does not decide. */
    const numbersOf = ({ epochs, ...report }: FromScratchReport) => ({
      ...report,
      seconds: 0,
      imagesPerSecond: 0,
      state: report.state && { tensors: report.state.tensors, epochs: epochs.length },
      epochs: epochs.map((epoch) => ({ ...epoch, seconds: 0 })),
    });
    const train = (overrides: Partial<FromScratchOptions> = {}): Promise<FromScratchReport> =>
      trainFromScratch(options({ recipe, keepWeights: true, keepState: true, ...overrides }));
    const statesOf = async (overrides: Partial<FromScratchOptions> = {}): Promise<{ report: FromScratchReport; states: Uint8Array[] }> => {
      const states: Uint8Array[] = [];
      const report = await train({ ...overrides, onEpoch: (_, { state }) => void states.push(encodeTensors(state())) });
      return { report, states };
    };

    it('of any epoch, to the same bits as without interruption', async () => {
      const before = tf.memory().numTensors;
      const { report, states } = await statesOf();
      expect(states).toHaveLength(5);
      for (const bytes of states) expect(numbersOf(await train({ resumeFrom: decodeTensors(bytes) }))).toEqual(numbersOf(report));
      expect(numbersOf(await train())).toEqual(numbersOf(report));
      expect(tf.memory().numTensors).toBe(before);
    });

    it('with an operation whose output reaches nothing, which has no gradient and is a step behind', async () => {
      const [cell] = architecture.cells;
      const edges = [...cell!.edges, { from: 0, to: 3, operation: primitive('conv_3x3') }];
      const dead: Architecture = { ...architecture, cells: [{ ...cell!, nodes: 4, edges, output: { kind: 'concat', nodes: [2] } }] };
      const { report, states } = await statesOf({ architecture: dead });
      const [early, late] = [decodeTensors(states[0]!), decodeTensors(states[4]!)].map(({ tensors }) => tensors.get('cells.0._ops.3.op.1.weight')!);
      expect(late!.data[0]! / early!.data[0]!).toBeLessThan(1); // it decays
      expect(late!.data[0]! / early!.data[0]!).toBeGreaterThan(0.9);
      for (const bytes of states) expect(numbersOf(await train({ architecture: dead, resumeFrom: decodeTensors(bytes) }))).toEqual(numbersOf(report));
    });

    it('after a pause, on the schedule of the whole', async () => {
      const whole = await train();
      const paused = await train({ recipe: { ...recipe, stopAfterEpochs: 2 } });
      expect([paused.stopped, paused.epochs.length, paused.judgedEpoch]).toEqual(['paused', 2, 2]);
      expect(paused.epochs.map(({ trainLoss }) => trainLoss)).toEqual(whole.epochs.slice(0, 2).map(({ trainLoss }) => trainLoss));
      const again = await train({ recipe: { ...recipe, stopAfterEpochs: 2 }, resumeFrom: paused.state! });
      expect(again.steps).toBe(paused.steps);
      const rest = await train({ recipe: { ...recipe, stopAfterEpochs: 5 }, resumeFrom: paused.state! });
      expect(numbersOf(rest)).toEqual(numbersOf(whole));
      expect(rest.seconds).toBeGreaterThan(paused.seconds);
    });

    it('with the best epoch so far', async () => {
      const patient = { ...recipe, epochs: 12, patience: 2, learningRate: 0.4 };
      const { report, states } = await statesOf({ recipe: patient });
      for (const bytes of states) expect(numbersOf(await train({ recipe: patient, resumeFrom: decodeTensors(bytes) }))).toEqual(numbersOf(report));
    });

    it('with the time that is left', async () => {
      const timed = { batchSize: 24, maxSeconds: 0.8 };
      const { report, states } = await statesOf({ recipe: timed });
      expect(report.stopped).toBe('time');
      const rest = await train({ recipe: timed, resumeFrom: decodeTensors(states[0]!) });
      expect([rest.stopped, rest.epochs[0]]).toEqual(['time', report.epochs[0]]);
      // What was trained before counts: it is not trained for as long again.
      expect(rest.steps - report.epochs[0]!.steps).toBeLessThan(report.steps);
      const over = await train({ recipe: timed, resumeFrom: report.state! });
      expect([over.stopped, over.steps]).toEqual(['time', report.steps]);
    });

    it('only of the same child', async () => {
      const { state, weights } = await train({ recipe: { maxSteps: 1, batchSize: 24 } });
      await expect(train({ seed: 6, resumeFrom: state! })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'OTHER_CHILD' });
      await expect(train({ resumeFrom: weights! })).rejects.toThrow(/resume_from: is no state of a child/);
      const other = {
        ...architecture,
        cells: [{ ...architecture.cells[0]!, edges: architecture.cells[0]!.edges.toSpliced(1, 1, { from: 1, to: 2, operation: primitive('conv_1x1') }) }],
      };
      const pointwise = await train({ architecture: other, recipe: { maxSteps: 1, batchSize: 24 } });
      await expect(train({ resumeFrom: pointwise.state! })).rejects.toThrow(/has no cells.0/);
    });
  });

  it('ends when it no longer gets better, and is judged by its best epoch', async () => {
    const before = tf.memory().numTensors;
    const recipe = { epochs: 40, batchSize: 24, learningRate: 0.3, patience: 3 };
    const report = await trainFromScratch(options({ recipe, keepWeights: true }));
    const accuracies = report.epochs.map(({ validationAccuracy }) => validationAccuracy);
    const best = accuracies.indexOf(Math.max(...accuracies)) + 1;
    expect([report.stopped, report.judgedEpoch, report.epochs.length]).toEqual(['patience', best, best + 3]);
    expect(report.validationAccuracy).toBe(Math.max(...accuracies));
    // The weights are those of the best epoch: a training paused there has them too.
    const paused = await trainFromScratch(options({ recipe: { ...recipe, stopAfterEpochs: best }, keepWeights: true }));
    expect(report.weights).toEqual(paused.weights);
    expect(report.testAccuracy).toBe(paused.testAccuracy);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses recipes without an end, and networks for other images', async () => {
    await expect(trainFromScratch(options({ recipe: {} }))).rejects.toThrow(/one of epochs, maxSteps and maxSeconds/);
    await expect(trainFromScratch(options({ recipe: { epochs: 0 } }))).rejects.toThrow(/recipe.epochs/);
    await expect(trainFromScratch(options({ architecture: zooArchitecture('resnet20') }))).rejects.toThrow(
      /takes 32 x 32 images of 10 classes, mnist has 8 x 8 of 3/,
    );
    await expect(trainFromScratch(options({ architecture: zooArchitecture('DARTS'), placement: { network: 'supernet' } }))).rejects.toThrow(
      /supernet is no child/,
    );
  });

  it('says when the loss is lost', async () => {
    const before = tf.memory().numTensors;
    await expect(trainFromScratch(options({ recipe: { epochs: 40, batchSize: 24, learningRate: 1e30, clipNorm: 1e30 } }))).rejects.toMatchObject({
      reason: 'TRAINING_DIVERGED',
      metadata: { chance: String(1 / 3) },
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});
