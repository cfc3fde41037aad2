import { describe, expect, it } from 'vitest';
import { GraphBuilder, type NodeOptions } from '../graph/builder.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { imageType } from '../graph/tensor-type.ts';
import { hashGraph } from './hash.ts';

const CONV = { outChannels: 4, kernel: [3, 3], stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1, bias: false } as const;
const sharing = (weight: string): NodeOptions => ({ weights: [weight] });

function graphOf(make: (builder: GraphBuilder, x: Value) => readonly Value[]): Graph {
  const builder = new GraphBuilder();
  const x = builder.input('x', imageType(4, 6));
  return builder.finish(make(builder, x).map((value, at) => ({ name: `y${at}`, value })));
}

/** Two branches and what joins them. */
function branches(join: 'sum' | 'concat', { swapped = false, prefix = '', second = {}, keys = ['a', 'b'] } = {}): Graph {
  return graphOf((builder, x) => {
    const left = (): Value => builder.node('conv', `${prefix}l`, CONV, [x], sharing(`${prefix}${keys[0]}`));
    const right = (): Value =>
      builder.node('activation', `${prefix}relu`, { function: 'relu' }, [
        builder.node('conv', `${prefix}r`, { ...CONV, ...second }, [x], sharing(`${prefix}${keys[1]}`)),
      ]);
    const [first, other] = swapped ? [right(), left()] : [left(), right()];
    const attributes = join === 'concat' ? { axis: 1 } : {};
    return [builder.node(join, `${prefix}join`, attributes, [first, other])];
  });
}

describe('the hash of a graph', () => {
  it('is equal under other names, weight keys, modules and orders of independent nodes and of terms', () => {
    const hash = hashGraph(branches('sum'));
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(hashGraph(branches('sum', { prefix: 'other.' }))).toBe(hash);
    expect(hashGraph(branches('sum', { swapped: true }))).toBe(hash);
    const graph = branches('sum');
    expect(
      hashGraph({
        ...graph,
        nodes: graph.nodes.map((node) => ({ ...node, module: 'all' })),
        outputs: graph.outputs.map(({ value }) => ({ name: 'z', value })),
      }),
    ).toBe(hash);
  });

  it('differs with attributes, types, the order of parts, outputs and dead nodes', () => {
    const graph = branches('sum');
    const others = [
      branches('sum', { second: { dilation: [2, 2], padding: [2, 2, 2, 2] } }),
      branches('concat'),
      branches('concat', { swapped: true }),
      { ...graph, inputs: [{ name: 'x', type: imageType(4, 7) }] },
      { ...graph, outputs: [...graph.outputs, { name: 'again', value: 1 }] },
      { ...graph, nodes: [...graph.nodes, { ...graph.nodes[0]!, name: 'dead', weights: ['dead'] }] },
    ].map(hashGraph);
    expect(new Set([hashGraph(graph), ...others]).size).toBe(others.length + 1);
  });

  it('differs with the sharing of weights', () => {
    expect(hashGraph(branches('sum', { keys: ['a', 'a'] }))).not.toBe(hashGraph(branches('sum')));
  });

  it('says which of equal nodes share their weights', () => {
    // Two blocks of two equal convolutions; one block is rectified. Which two share cannot be seen from below.
    const blocks = (keys: readonly [string, string, string, string]): string =>
      hashGraph(
        graphOf((builder, x) => {
          const [a, b, c, d] = keys.map((key, at) => builder.node('conv', `c${at}`, CONV, [x], sharing(key)));
          const plain = builder.node('sum', 's0', {}, [a!, b!]);
          const rectified = builder.node('activation', 'relu', { function: 'relu' }, [builder.node('sum', 's1', {}, [c!, d!])]);
          return [builder.node('sum', 'all', {}, [plain, rectified])];
        }),
      );
    const [within, across, plainOnly, rectifiedOnly] = [
      blocks(['k', 'k', 'l', 'l']),
      blocks(['k', 'l', 'k', 'l']),
      blocks(['k', 'k', 'l', 'm']),
      blocks(['l', 'm', 'k', 'k']),
    ];
    expect(new Set([within, across, plainOnly, rectifiedOnly]).size).toBe(4);
    expect(blocks(['k', 'l', 'l', 'k'])).toBe(across);
  });
});
