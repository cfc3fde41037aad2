import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../graph/builder.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { imageType, type TensorType } from '../graph/tensor-type.ts';
import { dropDeadNodes, simplify } from './simplify.ts';

const type = imageType(4, 6, 6);
const CONV = { outChannels: 4, kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1, bias: false } as const;

function graphOf(make: (builder: GraphBuilder, x: Value, zero: (type?: TensorType) => Value) => Value | readonly Value[]): Graph {
  const builder = new GraphBuilder();
  const x = builder.input('x', type);
  let zeros = 0;
  const values = make(builder, x, (of = type) => builder.node('zero', `zero${zeros++}`, { type: of }, [x]));
  return builder.finish([values].flat().map((value, at) => ({ name: `y${at}`, value })));
}

/** `name:op(inputs)` of what is left, by name. */
function described({ inputs, nodes, outputs }: Graph): string {
  const name = (value: Value): string => (value < inputs.length ? inputs[value]!.name : nodes[value - inputs.length]!.name);
  return [
    ...nodes.map((node) => `${node.name}:${node.op}(${node.inputs.map(name).join(' ')})`),
    `-> ${outputs.map(({ value }) => name(value)).join(' ')}`,
  ].join(' ');
}

const simplified = (make: Parameters<typeof graphOf>[0]): string => described(simplify(graphOf(make)));

describe('simplify', () => {
  it('reads around identities, also where they are outputs', () => {
    expect(
      simplified((builder, x) => {
        const identity = builder.node('identity', 'i', {}, [builder.node('identity', 'h', {}, [x])]);
        return [builder.node('conv', 'c', CONV, [identity]), identity];
      }),
    ).toBe('c:conv(x) -> c x');
  });

  it('leaves zeros out of sums, and sums of one term', () => {
    const terms = (count: number) => (builder: GraphBuilder, x: Value, zero: () => Value) => {
      const convs = Array.from({ length: count }, (_, at) => builder.node('conv', `c${at}`, CONV, [x]));
      return builder.node('sum', 's', {}, [zero(), ...convs, zero()]);
    };
    expect(simplified(terms(2))).toBe('c0:conv(x) c1:conv(x) s:sum(c0 c1) -> s');
    expect(simplified(terms(1))).toBe('c0:conv(x) -> c0');
    expect(simplified(terms(0))).toBe('s:zero() -> s');
    expect(simplified((builder, x, zero) => builder.node('add', 'a', {}, [zero(), builder.node('conv', 'c', CONV, [x])]))).toBe('c:conv(x) -> c');
  });

  it('keeps a sum that broadcasts', () => {
    const small = imageType(4, 1);
    const add = (builder: GraphBuilder, x: Value, zero: (of?: TensorType) => Value): Value =>
      builder.node('add', 'a', {}, [builder.node('global_avg_pool', 'p', {}, [x]), zero()]);
    expect(simplified(add)).toBe('p:global_avg_pool(x) zero0:zero() a:add(p zero0) -> a');
    expect(simplified((builder, x, zero) => builder.node('add', 'a', {}, [x, zero(small)]))).toBe('-> x');
  });

  it('replaces what only computes zeros, up to what adds something of its own', () => {
    expect(
      simplified((builder, _, zero) => {
        const conv = builder.node('conv', 'c', CONV, [builder.node('activation', 'r', { function: 'relu' }, [zero()])]);
        return builder.node('activation', 'last', { function: 'relu' }, [builder.node('batch_norm', 'n', { affine: true, epsilon: 1e-5 }, [conv])]);
      }),
    ).toBe('c:zero() n:batch_norm(c) last:activation(n) -> last');
    expect(simplified((builder, _, zero) => builder.node('conv', 'c', { ...CONV, bias: true }, [zero()]))).toBe('zero0:zero() c:conv(zero0) -> c');
    expect(simplified((builder, x, zero) => builder.node('mul', 'm', {}, [x, zero()]))).toBe('m:zero() -> m');
    expect(simplified((builder, x, zero) => builder.node('concat', 'c', { axis: 1 }, [zero(), x]))).toBe('zero0:zero() c:concat(zero0 x) -> c');
    expect(simplified((builder, _, zero) => builder.node('concat', 'c', { axis: 1 }, [zero(), zero()]))).toBe('c:zero() -> c');
  });

  it('removes what no output needs, weights and all, and what a zero names', () => {
    expect(
      simplified((builder, x) => {
        const named = builder.node('conv', 'named', CONV, [x]);
        builder.node('conv', 'dead', CONV, [named]);
        const zero = builder.node('zero', 'z', { type }, [named]);
        return builder.node('sum', 's', {}, [builder.node('conv', 'c', CONV, [x]), zero]);
      }),
    ).toBe('c:conv(x) -> c');
  });

  it('gives the graph itself where there is nothing to remove', () => {
    const graph = graphOf((builder, x) => builder.node('conv', 'c', CONV, [x]));
    expect(simplify(graph)).toBe(graph);
    expect(dropDeadNodes(graph)).toBe(graph);
  });
});
