import type { PrimitiveName } from '@nat/cells';
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
import { operationLayer } from './operations.ts';
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
        const channels = one.input.shape[1]!;
        const layer = operationLayer(
          'o',
          { kind: 'primitive', name: one.op },
          { inChannels: channels, outChannels: channels, stride: one.stride, affine: one.affine, poolNorm: one.pool_batch_norm },
        );
        expectParameters(layer?.parameters ?? [], one.params, 'o.');
        const x = fillImages(tf, one.input);
        const [, , outHeight, outWidth] = one.output.shape;
        const outputGradient = fillImages(tf, one.grad_output);
        const run = (mode: 'train' | 'eval', input: Tensor4D): Tensor4D =>
          layer?.apply({ tf, weights, mode }, input) ?? tf.zeros([input.shape[0], outHeight!, outWidth!, channels]);

        let output: Tensor4D | undefined;
        const { value, inputGradients, gradients } = differentiate(tf, weights, layer?.parameters ?? [], [x], (input) => {
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
