import { RandomStream } from '@nat/base/random';
import { GraphBuilder, imageType, type Graph, type TensorType, type Value } from '@nat/graph';
import { loadTensorflow, toChannelsFirst, toChannelsLast, type HostTensor, type Tensor, type Tensor4D } from '@nat/tensor';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../testing/golden-vectors.ts';
import { compile, type Executable } from './compile.ts';
import { Weights } from './weights.ts';

const tf = loadTensorflow();

function randomImages(seed: number, shape: readonly number[]): HostTensor {
  const random = RandomStream.of('compile-test', seed);
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()) };
}

/** As this machine holds it: images NHWC. */
function native({ shape, data }: HostTensor): Tensor {
  const physical = shape.length === 4 ? toChannelsLast({ shape, data }) : { shape, data };
  return tf.tensor(physical.data, [...physical.shape]);
}

function logical(tensor: Tensor): HostTensor {
  const host = { shape: tensor.shape, data: tensor.dataSync<'float32'>() };
  return tensor.rank === 4 ? toChannelsFirst(host) : host;
}

function executable(graph: Graph, types: readonly TensorType[]): Executable {
  return compile(graph, { types });
}

const WINDOW = { kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1] } as const;
const CONV = { ...WINDOW, outChannels: 4, dilation: [1, 1], groups: 1, bias: true } as const;
const POINTWISE = { ...CONV, kernel: [1, 1], padding: [0, 0, 0, 0] } as const;

/** Every operator that has a kernel, on images of 6 x 10, with two outputs. */
function everyOperator(): { graph: Graph; types: readonly TensorType[] } {
  const builder = new GraphBuilder();
  const node: GraphBuilder['node'] = builder.node.bind(builder);
  const x = builder.input('x', imageType(3, 6, 10));
  const stem = node('activation', 'relu6', { function: 'relu6' }, [
    node('batch_norm', 'bn', { affine: true, epsilon: 1e-2 }, [node('conv', 'stem', CONV, [x])]),
  ]);
  const pooled = node('max_pool', 'max', { ...WINDOW, stride: [2, 2] }, [stem]); // 3 x 5
  const squeezed = node('conv', 'squeeze', { ...POINTWISE, outChannels: 2 }, [node('global_avg_pool', 'gap', {}, [pooled])]);
  const excited = node('conv', 'excite', POINTWISE, [node('activation', 'relu', { function: 'relu' }, [squeezed])]);
  const scaled = node('mul', 'scale', {}, [pooled, excited]);
  const filtered = node('conv', 'dw', { ...CONV, groups: 4, dilation: [2, 2], padding: [2, 2, 2, 2] }, [scaled]);
  const averaged = node('avg_pool', 'avg', WINDOW, [scaled]);
  const added = node('add', 'add', {}, [filtered, node('identity', 'skip', {}, [averaged])]);
  const summed = node('sum', 'sum', {}, [added, scaled, node('zero', 'zero', { type: imageType(4, 3, 5) }, [scaled])]);
  const sampled = node('slice', 'sample', { axes: [2, 3], starts: [1, 0], ends: [3, 5], steps: [1, 2] }, [summed]); // 2 x 3
  const padded = node('pad', 'pad', { before: [0, 1, 0, 1], after: [0, 0, 1, 0] }, [sampled]); // 5 channels, 3 x 4
  const part = node('slice', 'part', { axes: [1, 3], starts: [0, 0], ends: [3, 4], steps: [1, 1] }, [summed]); // 3 channels
  const joined = node('concat', 'join', { axis: 1 }, [padded, part]); // 8 channels, 3 x 4
  const logits = node('linear', 'fc', { outFeatures: 4, bias: true }, [node('flatten', 'flat', {}, [joined])]);
  const other = node('linear', 'fc2', { outFeatures: 3, bias: true }, [node('flatten', 'flat2', {}, [node('global_avg_pool', 'gap2', {}, [joined])])]);
  const outputs = [node('softmax', 'softmax', { axis: 1 }, [logits]), other];
  return { graph: builder.finish(outputs.map((value, at) => ({ name: `y${at}`, value }))), types: builder.types };
}

describe('a rectangular graph of two outputs with every kernel', () => {
  const { graph, types } = everyOperator();
  const run = executable(graph, types);
  const images = randomImages(1, [3, 3, 6, 10]);
  const probes = [randomImages(2, [3, 4]), randomImages(3, [3, 3])];
  const loss = (weights: Weights, x: Tensor4D): Tensor => {
    const outputs = run.run({ tf, weights, mode: 'batch' }, [x]);
    return tf.addN(outputs.map((output, at) => tf.sum(tf.mul(output, native(probes[at]!)))));
  };
  const gradientsAt = (weights: Weights) => differentiate(tf, weights, run.parameters, [native(images) as Tensor4D], (x) => loss(weights, x));
  const length = (data: Float32Array): number => Math.sqrt(data.reduce((sum, value) => sum + value * value, 0));

  it('gives what types say', () => {
    tf.tidy(() => {
      const weights = new Weights(tf, 5);
      const outputs = run.run({ tf, weights, mode: 'eval' }, [native(images)]);
      expect(outputs.map(({ shape }) => shape)).toEqual([
        [3, 4],
        [3, 3],
      ]);
      for (const sum of tf.sum(outputs[0]!, 1).dataSync<'float32'>()) expect(sum).toBeCloseTo(1, 5);
      weights.dispose();
    });
  });

  it('has the gradients of central differences, of images and of every parameter', () => {
    tf.tidy(() => {
      const weights = new Weights(tf, 5);
      run.run({ tf, weights, mode: 'batch' }, [native(images)]);
      const start = weights.export();
      const { gradients, inputGradients } = gradientsAt(weights);
      const valueWith = (name: string, tensor: HostTensor): number => {
        const moved = new Weights(tf, 5);
        moved.restore(name === 'x' ? start : new Map([...start, [name, tensor]]));
        const value = loss(moved, native(name === 'x' ? tensor : images) as Tensor4D).dataSync()[0]!;
        moved.dispose();
        return value;
      };
      const sources = [
        ['x', images, inputGradients[0]!] as const,
        ...run.parameters.map(({ name }) => [name, start.get(name)!, gradients.get(name)!] as const),
      ];
      for (const [name, at, gradient] of sources) {
        // Along the gradient itself the difference is its length, which rounding and kinks disturb least.
        const norm = length(gradient.data);
        const step = 1e-3;
        const moved = (sign: number): HostTensor => ({ shape: at.shape, data: at.data.map((value, i) => value + (sign * step * gradient.data[i]!) / norm) });
        const difference = (valueWith(name, moved(1)) - valueWith(name, moved(-1))) / (2 * step);
        // A bias in front of a normalisation moves nothing.
        if (name === 'stem.bias') expect(norm).toBeLessThan(1e-4);
        else expect(Math.abs(difference / norm - 1), name).toBeLessThan(2e-2);
      }
      weights.dispose();
    });
  });

  it('trains: a step against the gradient lowers the loss', () => {
    tf.tidy(() => {
      const weights = new Weights(tf, 5);
      const { value, gradients } = gradientsAt(weights);
      const rate = 1e-2;
      const stepped = [...weights.export()].map(
        ([name, { shape, data }]) => [name, { shape, data: data.map((w, i) => w - rate * (gradients.get(name)?.data[i] ?? 0)) }] as const,
      );
      const after = new Weights(tf, 5);
      after.restore(new Map(stepped));
      expect(loss(after, native(images) as Tensor4D).dataSync()[0]!).toBeLessThan(value);
      weights.dispose();
      after.dispose();
    });
  });

  it('leaves no tensors behind but its outputs', () => {
    const weights = new Weights(tf, 5);
    const x = native(images);
    tf.dispose([...run.run({ tf, weights, mode: 'eval' }, [x])]); // weights come into being
    const before = tf.memory().numTensors;
    const outputs = run.run({ tf, weights, mode: 'eval' }, [x]);
    expect(tf.memory().numTensors).toBe(before + 2);
    tf.dispose([...outputs, x]);
    weights.dispose();
  });
});

/** Runs a graph of one input without weights of its own on NCHW numbers. */
function runOn(
  images: HostTensor,
  make: (builder: GraphBuilder, x: Value) => readonly Value[],
  restored: ReadonlyMap<string, HostTensor> = new Map(),
): readonly HostTensor[] {
  const builder = new GraphBuilder();
  const x = builder.input('x', { dtype: 'f32', shape: ['N', ...images.shape.slice(1)] });
  const outputs = make(builder, x);
  const graph = builder.finish(outputs.map((value, at) => ({ name: `y${at}`, value })));
  const weights = new Weights(tf, 1);
  weights.restore(restored);
  let results: readonly HostTensor[] = [];
  tf.tidy(() => {
    results = executable(graph, builder.types)
      .run({ tf, weights, mode: 'eval' }, [native(images)])
      .map(logical);
  });
  weights.dispose();
  return results;
}

describe('operators on images', () => {
  const images = randomImages(7, [2, 4, 3, 5]);
  const nchw = (): Tensor4D => tf.tensor4d(images.data, images.shape as [number, number, number, number]);
  const expected = (make: () => Tensor): readonly number[] => tf.tidy(() => [...make().dataSync<'float32'>()]);

  it.each<{ name: string; make: (builder: GraphBuilder, x: Value) => Value; oracle: () => Tensor }>([
    {
      name: 'slice of channels and rows',
      make: (builder, x) => builder.node('slice', 's', { axes: [1, 2], starts: [1, 0], ends: [99, 2], steps: [1, 1] }, [x]),
      oracle: () => tf.slice(nchw(), [0, 1, 0, 0], [2, 3, 2, 5]),
    },
    {
      name: 'slice with steps',
      make: (builder, x) => builder.node('slice', 's', { axes: [3, 2], starts: [1, 0], ends: [5, 3], steps: [2, 2] }, [x]),
      oracle: () => tf.stridedSlice(nchw(), [0, 0, 0, 1], [2, 4, 3, 5], [1, 1, 2, 2]),
    },
    {
      name: 'pad',
      make: (builder, x) => builder.node('pad', 'p', { before: [0, 2, 1, 0], after: [0, 0, 0, 3] }, [x]),
      oracle: () =>
        tf.pad(nchw(), [
          [0, 0],
          [2, 0],
          [1, 0],
          [0, 3],
        ]),
    },
    { name: 'concat of rows', make: (builder, x) => builder.node('concat', 'c', { axis: 2 }, [x, x]), oracle: () => tf.concat([nchw(), nchw()], 2) },
    { name: 'flatten', make: (builder, x) => builder.node('flatten', 'f', {}, [x]), oracle: () => nchw().reshape([2, 60]) },
    {
      name: 'softmax of channels',
      make: (builder, x) => builder.node('softmax', 's', { axis: 1 }, [x]),
      oracle: () => tf.softmax(nchw().transpose([0, 2, 3, 1])).transpose([0, 3, 1, 2]),
    },
    {
      name: 'mul of channels',
      make: (builder, x) => builder.node('mul', 'm', {}, [builder.node('global_avg_pool', 'g', {}, [x]), x]),
      oracle: () => tf.mul(nchw(), tf.mean(nchw(), [2, 3], true)),
    },
    { name: 'zero', make: (builder, x) => builder.node('zero', 'z', { type: imageType(2, 1, 3) }, [x]), oracle: () => tf.zeros([2, 2, 1, 3]) },
  ])('$name', ({ make, oracle }) => {
    const [result] = runOn(images, (builder, x) => [make(builder, x)]);
    const numbers = expected(oracle);
    expect(result!.data).toHaveLength(numbers.length);
    numbers.forEach((number, at) => {
      expect(result!.data[at]).toBeCloseTo(number, 5);
    });
  });

  it('normalise with the epsilon of their node', () => {
    const [result] = runOn(images, (builder, x) => [builder.node('batch_norm', 'n', { affine: false, epsilon: 3 }, [x])]);
    result!.data.forEach((value, at) => {
      expect(value).toBeCloseTo(images.data[at]! / 2, 5); // mean 0, variance 1
    });
  });

  it('read by a 1x1 convolution through zeros in place of rows that were left out', () => {
    const weights = new Map([['c.weight', { shape: [1, 4, 1, 1], data: Float32Array.of(1, 0, 0, 0) }]]);
    const through = (order: readonly ('pad' | 'slice')[]): readonly number[] => {
      const [result] = runOn(
        images,
        (builder, x) => {
          let value = x;
          let rows = 3;
          for (const op of order) {
            rows += op === 'pad' ? 1 : -1;
            value =
              op === 'pad'
                ? builder.node('pad', 'pad', { before: [0, 0, 1, 0], after: [0, 0, 0, 0] }, [value])
                : builder.node('slice', 'slice', { axes: [2, 3], starts: [1, 0], ends: [rows + 1, 5], steps: [1, 1] }, [value]);
          }
          return [builder.node('conv', 'c', { ...POINTWISE, outChannels: 1, bias: false }, [value])];
        },
        weights,
      );
      return [...result!.data.slice(0, 15)];
    };
    const first = [...images.data.slice(0, 15)]; // channel 0 of the first image
    expect(through(['pad', 'slice'])).toEqual(first);
    expect(through(['slice', 'pad'])).toEqual([0, 0, 0, 0, 0, ...first.slice(5)]);
  });

  it('of which outputs are one tensor each, and nothing is left', () => {
    const x = native(images);
    const builder = new GraphBuilder();
    const input = builder.input('x', imageType(4, 3, 5));
    const relu = builder.node('activation', 'relu', { function: 'relu' }, [input]);
    const same = builder.node('identity', 'same', {}, [relu]);
    const graph = builder.finish([input, relu, same, relu].map((value, at) => ({ name: `y${at}`, value })));
    const weights = new Weights(tf, 0);
    const before = tf.memory().numTensors;
    const outputs = executable(graph, builder.types).run({ tf, weights, mode: 'eval' }, [x]);
    expect(new Set([x, ...outputs]).size).toBe(5);
    expect(tf.memory().numTensors).toBe(before + 4);
    tf.dispose([...outputs]);
    expect(tf.memory().numTensors).toBe(before);
    x.dispose();
  });

  it('that are not modelled, or broadcast to another rank, are refused by name', () => {
    expect(() =>
      runOn(images, (builder, x) => [builder.node('opaque', 'o', { operator: 'Einsum', type: imageType(4, 3, 5), params: 0, macs: 0 }, [x])]),
    ).toThrow(/Einsum/);
    const wide = randomImages(8, [2, 4, 3, 5]);
    expect(() =>
      runOn(wide, (builder, x) => [builder.node('add', 'a', {}, [x, builder.node('zero', 'z', { type: { dtype: 'f32', shape: [5] } }, [x])])]),
    ).toThrow(/a broadcasts 4 axes to 1/);
  });
});
