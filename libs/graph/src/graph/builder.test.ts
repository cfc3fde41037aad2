import { describe, expect, it } from 'vitest';
import { infer } from '../passes/infer.ts';
import { GraphBuilder } from './builder.ts';
import { producerOf, valueOfNode, type Graph } from './graph.ts';
import { imageShape, imageType } from './tensor-type.ts';
import { liveValues, readersOf } from './lifetimes.ts';

/** x -> relu -> sum(relu, x), with a node beside it that nothing reads. */
function sample(): { builder: GraphBuilder; graph: Graph } {
  const builder = new GraphBuilder();
  const x = builder.input('x', imageType(2, 3, 4));
  const relu = builder.node('activation', 'relu', { function: 'relu' }, [x]);
  builder.node('flatten', 'aside', {}, [relu]);
  const sum = builder.node('sum', 'sum', {}, [relu, x, relu]);
  return { builder, graph: builder.finish([{ name: 'y', value: sum }]) };
}

describe('a builder', () => {
  it('infers types as `infer` does, and names weights after their node', () => {
    const { builder, graph } = sample();
    expect(infer(graph)).toEqual(builder.types);
    builder.node('batch_norm', 'norm', { affine: true, epsilon: 1e-5 }, [0]);
    const later = builder.finish([]);
    expect(later.nodes.at(-1)).toMatchObject({ module: 'norm', weights: ['norm.weight', 'norm.bias', 'norm.running_mean', 'norm.running_var'] });
    expect(graph.nodes, 'what was finished before').toHaveLength(3);
  });

  it('refuses names that are taken, values that are not there, inputs after nodes and a wrong number of weights', () => {
    const { builder } = sample();
    expect(() => builder.node('identity', 'relu', {}, [0])).toThrow(/there is a node relu already/);
    expect(() => builder.node('identity', 'other', {}, [9])).toThrow(/there is no value 9/);
    expect(() => builder.input('late', imageType(1, 1))).toThrow(/inputs come before nodes/);
    expect(() => builder.node('batch_norm', 'norm', { affine: true, epsilon: 1e-5 }, [0], { weights: ['one'] })).toThrow(/norm needs 4 weights, not 1/);
    expect(() => builder.finish([{ name: 'y', value: 17 }])).toThrow(/there is no value 17/);
  });
});

describe('infer', () => {
  it('names nodes and outputs that read what is not there yet', () => {
    const { graph } = sample();
    const forward = { ...graph, nodes: graph.nodes.map((node) => (node.name === 'relu' ? { ...node, inputs: [3] } : node)) };
    expect(() => infer(forward)).toThrow(/graph.nodes\[relu\]: reads value 3/);
    expect(() => infer({ ...graph, outputs: [{ name: 'y', value: 12 }] })).toThrow(/graph.outputs\[y\]: reads value 12/);
  });
});

describe('values', () => {
  it('have producers, readers and lives', () => {
    const { graph } = sample();
    expect([producerOf(graph, 0)?.name, producerOf(graph, 1)?.name, valueOfNode(graph, 2)]).toEqual([undefined, 'relu', 3]);
    expect(readersOf(graph)).toEqual([[0, 2], [1, 2], [], []]);
    expect([...liveValues(graph)]).toEqual([1, 1, 0, 1]);
  });

  it('of other ranks are no images', () => {
    expect(imageShape(imageType(1, 2, 3))).toEqual([1, 2, 3]);
    expect(() => imageShape({ dtype: 'f32', shape: ['N', 4] })).toThrow(TypeError);
  });
});
