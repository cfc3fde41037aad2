import { ModuleBuilder, PRIMITIVES, type PrimitiveName } from '@nat/cells';
import { GraphBuilder, imageType } from '@nat/graph';
import { loadTensorflow, type Tensor4D } from '@nat/tensor';
import { describe, expect, it } from 'vitest';
import {
  differentiate,
  expectParameters,
  expectTensor,
  fill,
  fillImages,
  fillParameters,
  hostImages,
  readGolden,
  type FillSpec,
  type GoldenTensor,
  type ParameterFill,
} from '../testing/golden-vectors.ts';
import { compile, type Executable } from './compile.ts';
import { Weights } from './weights.ts';

const tf = loadTensorflow();

describe('fill', () => {
  const { cases } = readGolden('fill.json') as { cases: { seed: number; scale: number; offset: number; values: GoldenTensor }[] };
  it.each(cases)('seed $seed', ({ seed, scale, offset, values }) => {
    expect([...fill({ shape: values.shape, seed, scale, offset }).data]).toEqual(values.data.map(Math.fround));
  });
});

interface OperationCase {
  readonly op: PrimitiveName;
  readonly stride: 1 | 2;
  readonly affine: boolean;
  readonly pool_batch_norm: boolean;
  readonly input: FillSpec;
  readonly params: readonly ParameterFill[];
  readonly output: GoldenTensor;
  readonly grad_output: FillSpec;
  readonly loss: number;
  readonly grad_input: GoldenTensor;
  readonly grads: Readonly<Record<string, GoldenTensor>>;
  readonly buffers_after?: Readonly<Record<string, GoldenTensor>>;
  readonly eval_output?: GoldenTensor;
}
const KEYS = 'affine buffers_after eval_output grad_input grad_output grads input loss op output params pool_batch_norm stride'.split(' ');

/** The graph of one operation, compiled. */
function compileOperation({ op, stride, affine, pool_batch_norm: poolNorm, input, output }: Omit<OperationCase, 'loss'>): Executable {
  const builder = new GraphBuilder();
  const [, channels, height, width] = input.shape;
  const [, outChannels, outHeight, outWidth] = output.shape;
  const from = builder.input('x', imageType(channels!, height!, width));
  const type = imageType(outChannels!, outHeight!, outWidth);
  const place = { from, type, stride, activation: 'relu', affine, poolNorm } as const;
  const value = PRIMITIVES[op].emit(new ModuleBuilder(builder, { module: 'o' }), place);
  return compile(builder.finish([{ name: 'y', value }]), { types: builder.types });
}

it('a skip connection gives a tensor of its own: whoever disposes it leaves the input alone', () => {
  const identity = { op: 'skip_connect', stride: 1, affine: false, pool_batch_norm: false } as const;
  const layer = compileOperation({ ...CASE, ...identity });
  const [x, weights] = [fillImages(tf, CASE.input), new Weights(tf, 0)];
  const [y] = layer.run({ tf, weights, mode: 'train' }, [x]);
  y!.dispose();
  expect(hostImages(x).data).toEqual(fill(CASE.input).data);
  x.dispose();
});
const CASE = {
  input: { shape: [2, 4, 8, 8], seed: 1, scale: 1, offset: 0 },
  params: [],
  output: { shape: [2, 4, 8, 8], data: [] },
  grad_output: { shape: [2, 4, 8, 8], seed: 2, scale: 1, offset: 0 },
  grad_input: { shape: [2, 4, 8, 8], data: [] },
  grads: {},
};

describe('operations', () => {
  const { cases } = readGolden('ops.json') as { cases: OperationCase[] };
  it.each(cases.map((one, i) => ({ ...one, i, size: one.input.shape[2] })))(
    '$i: $op at stride $stride, $size x $size, affine $affine, BN after pools $pool_batch_norm',
    (one) => {
      const unknown = Object.keys(one).filter((key) => !KEYS.includes(key) && key !== 'i' && key !== 'size');
      expect(unknown).toEqual([]);
      const before = tf.memory().numTensors;
      const weights = new Weights(tf, 0);
      weights.restore(fillParameters(one.params, 'o.'));
      tf.tidy(() => {
        const layer = compileOperation(one);
        expectParameters(layer.parameters, one.params, 'o.');
        const x = fillImages(tf, one.input);
        const outputGradient = fillImages(tf, one.grad_output);
        const run = (mode: 'train' | 'eval', input: Tensor4D): Tensor4D => layer.run({ tf, weights, mode }, [input])[0]! as Tensor4D;

        let output: Tensor4D | undefined;
        const { value, inputGradients, gradients } = differentiate(tf, weights, layer.parameters, [x], (input) => {
          output = tf.keep(run('train', input));
          return tf.add(tf.sum(tf.mul(output, outputGradient)), tf.mul(tf.sum(input), 0));
        });
        expectTensor(hostImages(output!), one.output, 'output');
        output!.dispose();
        const scale = fill(one.grad_output).data.reduce((sum, g) => sum + Math.abs(g), 0);
        expect(Math.abs(value - one.loss), 'loss').toBeLessThanOrEqual(1e-4 * scale);
        expectTensor(inputGradients[0]!, one.grad_input, 'grad_input');
        expect(Object.keys(one.grads).length).toBe(one.params.length);
        for (const [name, expected] of Object.entries(one.grads)) expectTensor(gradients.get(`o.${name}`)!, expected, name);
        const after = weights.export();
        for (const [name, expected] of Object.entries(one.buffers_after ?? {})) expectTensor(after.get(`o.${name}`)!, expected, name);
        if (one.eval_output !== undefined) expectTensor(hostImages(run('eval', x)), one.eval_output, 'eval_output');
      });
      weights.dispose();
      expect(tf.memory().numTensors).toBe(before);
    },
  );
});
