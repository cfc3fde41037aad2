import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { imageType } from '../graph/tensor-type.ts';
import { foldBatchNorm, type WeightTensor } from './fold-batch-norm.ts';
import { infer } from './infer.ts';
import { profile } from './profile.ts';

const CONV = { outChannels: 2, kernel: [1, 1], stride: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1], groups: 1, bias: false } as const;
const vector = (...data: number[]): WeightTensor => ({ shape: [data.length], data: Float32Array.from(data) });
const WEIGHTS: ReadonlyMap<string, WeightTensor> = new Map([
  ['c.weight', { shape: [2, 1, 1, 1], data: Float32Array.of(3, 5) }],
  ['c.bias', vector(1, 2)],
  ['n.weight', vector(2, 4)],
  ['n.bias', vector(10, 20)],
  ['n.running_mean', vector(1, 4)],
  ['n.running_var', vector(3, 15)],
]);

function graphOf(make: (builder: GraphBuilder, x: Value) => readonly Value[]): Graph {
  const builder = new GraphBuilder();
  const x = builder.input('x', imageType(1, 2));
  return builder.finish(make(builder, x).map((value, at) => ({ name: `y${at}`, value })));
}
const norm = (builder: GraphBuilder, from: Value, affine = true): Value => builder.node('batch_norm', 'n', { affine, epsilon: 1 }, [from]);

describe('foldBatchNorm', () => {
  it.each([
    // s = weight / sqrt(var + 1) = 2/2, 4/4; b = s (b - mean) + bias
    [true, true, [3, 5], [10, 18]],
    [false, true, [3, 5], [9, 16]],
    // s = 1/2, 1/4
    [true, false, [1.5, 1.25], [0, -0.5]],
  ])('scales weights and moves the bias (convolution with bias %s, affine %s)', (bias, affine, weight, shift) => {
    const graph = graphOf((builder, x) => [
      builder.node('activation', 'r', { function: 'relu' }, [norm(builder, builder.node('conv', 'c', { ...CONV, bias }, [x]), affine)]),
    ]);
    const folded = foldBatchNorm(graph, WEIGHTS);
    expect(folded.graph.nodes.map(({ name, inputs, weights }) => [name, inputs, weights])).toEqual([
      ['c', [0], ['c.weight', 'c.bias']],
      ['r', [1], []],
    ]);
    expect([...folded.weights.get('c.weight')!.data]).toEqual(weight);
    expect([...folded.weights.get('c.bias')!.data]).toEqual(shift);
    expect(folded.weights.has('n.running_mean')).toBe(false);
    expect(WEIGHTS.get('c.weight')!.data, 'the weights given').toEqual(Float32Array.of(3, 5));
    expect(infer(folded.graph).at(-1)).toEqual(imageType(2, 2));
    expect(profile(folded.graph).params).toBe(4);
  });

  it('leaves alone what others read, what is an output and what shares its weights', () => {
    const alone = [
      graphOf((builder, x) => {
        const conv = builder.node('conv', 'c', CONV, [x]);
        return [builder.node('sum', 's', {}, [conv, norm(builder, conv)])];
      }),
      graphOf((builder, x) => {
        const conv = builder.node('conv', 'c', CONV, [x]);
        return [norm(builder, conv), conv];
      }),
      graphOf((builder, x) => [norm(builder, builder.node('conv', 'c', CONV, [x])), builder.node('conv', 'd', CONV, [x], { weights: ['c.weight'] })]),
      graphOf((builder, x) => [norm(builder, builder.node('activation', 'r', { function: 'relu' }, [builder.node('conv', 'c', CONV, [x])]))]),
    ];
    for (const graph of alone) expect(foldBatchNorm(graph, WEIGHTS).graph).toEqual(graph);
  });

  it('keeps statistics that another normalisation shares', () => {
    const keys = ['n.weight', 'n.bias', 'n.running_mean', 'n.running_var'];
    const graph = graphOf((builder, x) => {
      const wide = builder.node('concat', 'w', { axis: 1 }, [x, x]);
      return [
        norm(builder, builder.node('conv', 'c', CONV, [x])),
        builder.node('batch_norm', 'other', { affine: true, epsilon: 1 }, [wide], { weights: keys }),
      ];
    });
    const folded = foldBatchNorm(graph, WEIGHTS);
    expect(folded.graph.nodes.map(({ name }) => name)).toEqual(['w', 'c', 'other']);
    expect(keys.map((key) => folded.weights.get(key))).toEqual(keys.map((key) => WEIGHTS.get(key)));
  });

  it('says which weights are missing', () => {
    const graph = graphOf((builder, x) => [norm(builder, builder.node('conv', 'c', CONV, [x]))]);
    expect(() => foldBatchNorm(graph, new Map([...WEIGHTS].filter(([key]) => key !== 'n.running_var')))).toThrow(/there are no weights n.running_var/);
  });
});
