import { isDomainError } from '@nat/base/errors';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../graph/builder.ts';
import type { Node } from '../graph/graph.ts';
import { imageType, type TensorType } from '../graph/tensor-type.ts';
import type { Attributes, OperatorKind } from './operator.ts';
import { inferNode, keepsZero, macsOfNode, nodeLabel, OPERATORS, undeclaredParams, weightSpecs } from './registry.ts';

const f32 = (...shape: TensorType['shape']): TensorType => ({ dtype: 'f32', shape });
const conv = (changes: Partial<Attributes['conv']> = {}): Attributes['conv'] => ({
  outChannels: 8,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1, 1, 1],
  dilation: [1, 1],
  groups: 1,
  bias: false,
  ...changes,
});
const pool = (kernel: number, stride: number, padding = 0): Attributes['max_pool'] => ({
  kernel: [kernel, kernel],
  stride: [stride, stride],
  padding: [padding, padding, padding, padding],
});
const image = imageType(4, 10, 7);

interface Good<K extends OperatorKind = OperatorKind> {
  readonly op: K;
  readonly attributes: Attributes[K];
  readonly inputs: readonly TensorType[];
  readonly gives: TensorType;
  /** Shapes of the weights, by role. @default none */
  readonly weights?: Readonly<Record<string, readonly number[]>>;
  /** @default 0 */
  readonly macs?: number;
  readonly label: string;
}
const good = <K extends OperatorKind>(one: Good<K>): Good => one;

const GOOD: readonly Good[] = [
  good({
    op: 'conv',
    attributes: conv(),
    inputs: [image],
    gives: imageType(8, 10, 7),
    weights: { weight: [8, 4, 3, 3] },
    macs: 8 * 4 * 9 * 70,
    label: 'conv 3x3',
  }),
  good({
    op: 'conv',
    // 10 -> (10 - 1) / 2 + 1 = 5 rows, 7 -> (7 - 1) / 2 + 1 = 4 columns
    attributes: conv({ kernel: [1, 1], stride: [2, 2], padding: [0, 0, 0, 0], bias: true }),
    inputs: [image],
    gives: imageType(8, 5, 4),
    weights: { weight: [8, 4, 1, 1], bias: [8] },
    macs: 8 * 4 * 20,
    label: 'conv 1x1 /2',
  }),
  good({
    op: 'conv',
    // rows: 10 + 0 + 1 - 3 = 8 -> 8 / 2 + 1 = 5; columns: 7 + 2 + 0 - 5 = 4 -> 4 / 3 + 1 = 2
    attributes: conv({ kernel: [3, 5], stride: [2, 3], padding: [0, 2, 1, 0] }),
    inputs: [image],
    gives: imageType(8, 5, 2),
    weights: { weight: [8, 4, 3, 5] },
    macs: 8 * 4 * 15 * 10,
    label: 'conv 3x5 /2x3',
  }),
  good({
    op: 'conv',
    // dilation 2: a kernel of 3 spans 5
    attributes: conv({ outChannels: 4, groups: 4, dilation: [2, 2], padding: [0, 0, 0, 0] }),
    inputs: [image],
    gives: imageType(4, 6, 3),
    weights: { weight: [4, 1, 3, 3] },
    macs: 4 * 9 * 18,
    label: 'conv 3x3 dilated 2 in 4 groups',
  }),
  good({
    op: 'conv',
    attributes: conv({ groups: 2 }),
    inputs: [image],
    gives: imageType(8, 10, 7),
    weights: { weight: [8, 2, 3, 3] },
    macs: 8 * 2 * 9 * 70,
    label: 'conv 3x3 in 2 groups',
  }),
  good({
    op: 'batch_norm',
    attributes: { affine: true, epsilon: 1e-5 },
    inputs: [image],
    gives: image,
    weights: { weight: [4], bias: [4], running_mean: [4], running_var: [4] },
    label: 'batch norm',
  }),
  good({
    op: 'batch_norm',
    attributes: { affine: false, epsilon: 1e-3 },
    inputs: [f32('N', 6)],
    gives: f32('N', 6),
    weights: { running_mean: [6], running_var: [6] },
    label: 'batch norm',
  }),
  good({ op: 'activation', attributes: { function: 'relu6' }, inputs: [f32('N', 5)], gives: f32('N', 5), label: 'relu6' }),
  good({ op: 'max_pool', attributes: pool(3, 2, 1), inputs: [image], gives: imageType(4, 5, 4), label: 'max pool 3x3 /2' }),
  good({ op: 'avg_pool', attributes: pool(2, 2), inputs: [image], gives: imageType(4, 5, 3), label: 'avg pool 2x2 /2' }),
  good({ op: 'global_avg_pool', attributes: {}, inputs: [image], gives: imageType(4, 1, 1), label: 'global avg pool' }),
  good({
    op: 'linear',
    attributes: { outFeatures: 10, bias: true },
    inputs: [f32('N', 64)],
    gives: f32('N', 10),
    weights: { weight: [10, 64], bias: [10] },
    macs: 640,
    label: 'linear 10',
  }),
  good({
    op: 'linear',
    attributes: { outFeatures: 3, bias: false },
    inputs: [f32('N', 5)],
    gives: f32('N', 3),
    weights: { weight: [3, 5] },
    macs: 15,
    label: 'linear 3',
  }),
  good({ op: 'add', attributes: {}, inputs: [image, f32(1, 1, 7)], gives: image, label: 'add' }),
  good({ op: 'mul', attributes: {}, inputs: [imageType(4, 1), image], gives: image, label: 'mul' }),
  good({ op: 'sum', attributes: {}, inputs: [image, image, image], gives: image, label: 'sum' }),
  good({ op: 'concat', attributes: { axis: 1 }, inputs: [image, imageType(3, 10, 7)], gives: imageType(7, 10, 7), label: 'concat' }),
  good({
    op: 'slice',
    // 1, 4, 7 of 10 rows; columns 2 and up, an end beyond the last
    attributes: { axes: [2, 3], starts: [1, 2], ends: [10, 99], steps: [3, 1] },
    inputs: [image],
    gives: imageType(4, 3, 5),
    label: 'slice /3',
  }),
  good({ op: 'pad', attributes: { before: [0, 1, 0, 2], after: [0, 0, 3, 0] }, inputs: [image], gives: imageType(5, 13, 9), label: 'pad' }),
  good({ op: 'flatten', attributes: {}, inputs: [image], gives: f32('N', 280), label: 'flatten' }),
  good({ op: 'softmax', attributes: { axis: 1 }, inputs: [f32('N', 10)], gives: f32('N', 10), label: 'softmax' }),
  good({ op: 'identity', attributes: {}, inputs: [image], gives: image, label: 'identity' }),
  good({ op: 'zero', attributes: { type: imageType(2, 3) }, inputs: [image], gives: imageType(2, 3), label: 'zero' }),
  good({
    op: 'opaque',
    attributes: { operator: 'Einsum', type: f32('N', 4), params: 12, macs: 34 },
    inputs: [image],
    gives: f32('N', 4),
    macs: 34,
    label: 'Einsum',
  }),
];

it('has a case of every operator', () => {
  expect(new Set(GOOD.map(({ op }) => op))).toEqual(new Set(Object.keys(OPERATORS)));
});

describe('every operator', () => {
  it.each(GOOD.map((one, at) => ({ ...one, at })))('$at: $label', ({ op, attributes, inputs, gives, weights = {}, macs = 0, label }) => {
    const node = { op, attributes } as Pick<Node, 'op' | 'attributes'>;
    expect(inferNode(op, attributes, inputs)).toEqual(gives);
    expect(Object.fromEntries(weightSpecs(node, inputs).map(({ role, shape }) => [role, shape]))).toEqual(weights);
    expect(macsOfNode(node, inputs, gives)).toBe(macs);
    expect(undeclaredParams(node)).toBe(op === 'opaque' ? 12 : 0);
    expect(nodeLabel(node)).toBe(label);
  });

  it('keeps the type of numbers and the batch', () => {
    const half: TensorType = { dtype: 'f16', shape: ['N', 4, 10, 7] };
    const one: TensorType = { dtype: 'f32', shape: [1, 4, 10, 7] };
    for (const [op, attributes] of [
      ['conv', conv()],
      ['max_pool', pool(3, 1, 1)],
      ['avg_pool', pool(3, 1, 1)],
      ['global_avg_pool', {}],
    ] as const) {
      expect(inferNode(op, attributes, [half]).dtype, op).toBe('f16');
      expect(inferNode(op, attributes, [one]).shape[0], op).toBe(1);
    }
    expect(inferNode('linear', { outFeatures: 2, bias: true }, [f32(1, 5)])).toEqual(f32(1, 2));
  });

  it('starts its weights as PyTorch does', () => {
    const initial = (op: OperatorKind, attributes: Attributes[OperatorKind], input: TensorType): unknown =>
      weightSpecs({ op, attributes }, [input]).map((spec) => [spec.role, spec.initial, spec.trainable]);
    expect(initial('conv', conv({ groups: 2, bias: true }), image)).toEqual([
      ['weight', { kind: 'uniform', fanIn: 18 }, true],
      ['bias', { kind: 'uniform', fanIn: 18 }, true],
    ]);
    expect(initial('linear', { outFeatures: 3, bias: false }, f32('N', 5))).toEqual([['weight', { kind: 'uniform', fanIn: 5 }, true]]);
    expect(initial('batch_norm', { affine: true, epsilon: 1e-5 }, image)).toEqual([
      ['weight', { kind: 'constant', value: 1 }, true],
      ['bias', { kind: 'constant', value: 0 }, true],
      ['running_mean', { kind: 'constant', value: 0 }, false],
      ['running_var', { kind: 'constant', value: 1 }, false],
    ]);
  });

  it('keeps zeros unless it adds something of its own', () => {
    const keeps = (op: OperatorKind, attributes: object = {}): boolean => keepsZero({ op, attributes });
    expect([keeps('conv', conv()), keeps('conv', conv({ bias: true }))]).toEqual([true, false]);
    expect([keeps('linear', { bias: false }), keeps('linear', { bias: true })]).toEqual([true, false]);
    expect(['batch_norm', 'softmax', 'opaque'].map((op) => keeps(op as OperatorKind))).toEqual([false, false, false]);
  });
});

describe('inputs that do not fit are refused, naming the node', () => {
  const bad: readonly (readonly [OperatorKind, Attributes[OperatorKind], readonly TensorType[], RegExp])[] = [
    ['conv', conv(), [f32('N', 4)], /reads \[N, channels, height, width\], not \[N, 4\]/],
    ['conv', conv(), [image, image], /reads one value, not 2/],
    ['conv', conv({ groups: 3 }), [image], /4 to 8 channels do not split into 3 groups/],
    ['conv', conv({ groups: 0 }), [image], /0 is not an integer/],
    ['conv', conv({ outChannels: 0 }), [image], /0 is not an integer/],
    ['conv', conv({ stride: [0, 1] }), [image], /0 is not an integer/],
    ['conv', conv({ kernel: [2, 2], padding: [0.5, 0.5, 0.5, 0.5] }), [image], /0.5 is not an integer/],
    ['conv', conv({ kernel: [9, 9], padding: [0, 0, 0, 0] }), [image], /9x9 does not fit into 10 x 7/],
    ['batch_norm', { affine: true, epsilon: 1e-5 }, [f32('N')], /axis 1 of \[N\] has no known size/],
    ['batch_norm', { affine: true, epsilon: 1e-5 }, [], /reads one value, not 0/],
    ['activation', { function: 'relu' }, [image, image], /reads one value, not 2/],
    ['max_pool', pool(3, 1), [f32('N', 3, 4)], /not \[N, 3, 4\]/],
    ['max_pool', pool(2, 1, 2), [image], /nothing but padding/],
    ['avg_pool', pool(8, 1), [image], /8x8 does not fit/],
    ['global_avg_pool', {}, [f32('N', 3)], /not \[N, 3\]/],
    ['linear', { outFeatures: 2, bias: true }, [image], /reads \[N, features\], not \[N, 4, 10, 7\]/],
    ['linear', { outFeatures: 0, bias: true }, [f32('N', 3)], /0 is not an integer/],
    ['add', {}, [image, imageType(3, 10, 7)], /\[N, 4, 10, 7\] and \[N, 3, 10, 7\] do not match/],
    ['add', {}, [image], /reads two values, not 1/],
    ['mul', {}, [image, { dtype: 'f16', shape: image.shape }], /not f32 and f16/],
    ['sum', {}, [], /at least one value/],
    ['sum', {}, [image, imageType(4, 1)], /sums values of one type/],
    ['concat', { axis: 1 }, [], /at least one value/],
    ['concat', { axis: 1 }, [image, imageType(4, 5)], /differ beside axis 1/],
    ['concat', { axis: 0 }, [image], /axis 0 of/],
    ['concat', { axis: 4 }, [image], /axis 4 of/],
    ['slice', { axes: [2], starts: [5], ends: [5], steps: [1] }, [image], /axis 2 of 10 has nothing from 5 to 5 by 1/],
    ['slice', { axes: [2], starts: [0], ends: [5], steps: [0] }, [image], /by 0/],
    ['slice', { axes: [0], starts: [0], ends: [1], steps: [1] }, [image], /axis 0 of/],
    ['slice', { axes: [2, 3], starts: [0], ends: [5, 5], steps: [1, 1] }, [image], /for each of the axes 2, 3/],
    ['slice', { axes: [2, 2], starts: [0, 1], ends: [5, 5], steps: [1, 1] }, [image], /for each of the axes 2, 2/],
    ['pad', { before: [0, 0], after: [0, 0] }, [image], /pads 2 axes of 4/],
    ['pad', { before: [1, 0, 0, 0], after: [0, 0, 0, 0] }, [image], /axis 0 of/],
    ['pad', { before: [0, 0, -1, 0], after: [0, 0, 0, 0] }, [image], /-1 is not an integer/],
    ['flatten', {}, [f32('N', 'N')], /axis 1 of \[N, N\]/],
    ['softmax', { axis: 2 }, [f32('N', 3)], /axis 2 of \[N, 3\]/],
    ['identity', {}, [], /reads one value, not 0/],
  ];

  it.each(bad.map(([op, attributes, inputs, message], at) => ({ at, op, attributes, inputs, message })))(
    '$at: $op, $message',
    ({ op, attributes, inputs, message }) => {
      const builder = new GraphBuilder();
      const values = inputs.map((type, at) => builder.input(`x${at}`, type));
      let error: unknown;
      try {
        builder.node(op, 'cells.3.op', attributes, values);
      } catch (caught) {
        error = caught;
      }
      expect(isDomainError(error) && [error.kind, error.reason, error.violations[0]?.field]).toEqual([
        'INVALID_ARGUMENT',
        'INVALID_GRAPH',
        'graph.nodes[cells.3.op]',
      ]);
      expect((error as Error).message).toMatch(message);
    },
  );
});
