import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../graph/builder.ts';
import { imageType } from '../graph/tensor-type.ts';
import { checkRegion } from './sites.ts';

describe('a region', () => {
  const builder = new GraphBuilder();
  const x = builder.input('x', imageType(1, 2));
  const relu = builder.node('activation', 'a', { function: 'relu' }, [x]);
  const twice = builder.node('sum', 'b', {}, [relu, relu]);
  const other = builder.node('sum', 'c', {}, [relu, x]);
  const graph = builder.finish([{ name: 'y', value: builder.node('sum', 'd', {}, [twice, other]) }]);

  it('has one way in and one way out', () => {
    expect(() => {
      checkRegion(graph, { from: relu, to: twice, nodes: [1, 2] });
    }).not.toThrow();
  });

  it.each([
    ['leaves by another value', { from: x, to: twice, nodes: [0, 2] }, /c reads value 1, and its region is left by 2/],
    ['enters by another value', { from: relu, to: other, nodes: [2, 3] }, /c reads value 0, and its region is entered by 1/],
    ['does not hold what it gives', { from: x, to: other, nodes: [0, 1] }, /value 3 is not made by nodes 0 to 1/],
  ] as const)('%s: refused', (_, region, message) => {
    expect(() => {
      checkRegion(graph, region);
    }).toThrow(message);
  });

  it('whose inner value is an output is refused', () => {
    const leaking = { ...graph, outputs: [...graph.outputs, { name: 'inner', value: relu }] };
    expect(() => {
      checkRegion(leaking, { from: x, to: other, nodes: [0, 3] });
    }).toThrow(/output inner/);
  });
});
