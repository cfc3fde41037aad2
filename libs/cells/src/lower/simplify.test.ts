import { RandomStream } from '@nat/base/random';
import { hashGraph, infer, profile, simplify, type Cost, type Graph } from '@nat/graph';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomArchitecture } from '../cell/generate.ts';
import { listZoo, zooArchitecture } from '../zoo/zoo.ts';
import { lower } from './lower.ts';

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const SMALL = { channels: 4, layers: 4, imageSize: { height: 8, width: 16 } } as const;

/** Operators that make more of zeros than zeros. */
const ADDS_ITS_OWN = new Set(['batch_norm', 'concat', 'linear', 'opaque']);

function expectSimplified(before: Graph, after: Graph): void {
  const [{ modules: _, ...source }, { modules: __, ...result }] = [profile(before), profile(after)];
  for (const key of Object.keys(source) as (keyof Cost)[]) expect(result[key], key).toBeLessThanOrEqual(source[key]);
  const read = new Set([...after.nodes.flatMap(({ inputs }) => inputs), ...after.outputs.map(({ value }) => value)]);
  after.nodes.forEach((node, index) => {
    const value = after.inputs.length + index;
    expect(read.has(value), `${node.name} is read`).toBe(true);
    expect(node.op).not.toBe('identity');
    if (node.op === 'sum') expect(node.inputs.length, node.name).toBeGreaterThan(1);
    if (node.op !== 'zero') return;
    expect(node.inputs).toEqual([]);
    const readers = after.nodes.filter(({ inputs }) => inputs.includes(value));
    expect(readers.filter(({ op }) => !ADDS_ITS_OWN.has(op)).map(({ name }) => name)).toEqual([]);
  });
  const kept = new Map(before.nodes.map(({ name, weights }) => [name, weights]));
  for (const { name, weights, op } of after.nodes) if (op !== 'zero') expect(weights, name).toEqual(kept.get(name));
  const types = infer(after);
  expect(after.outputs.map(({ value }) => types[value])).toEqual(before.outputs.map(({ value }) => infer(before)[value]));
  expect(simplify(after), 'once more').toBe(after);
}

describe('a simplified network', () => {
  it('costs no more, keeps names and weights, and has nothing left to remove', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const architecture = randomArchitecture(RandomStream.of(seed));
        const { graph } = lower(architecture, { ...SMALL, imageSize: 8 });
        expectSimplified(graph, simplify(graph));
      }),
      { numRuns: 150 },
    );
  });

  it.each(listZoo().map(({ name }) => name))('%s', (name) => {
    const { graph } = lower(zooArchitecture(name), SMALL);
    expectSimplified(graph, simplify(graph));
  });

  it('is what it was where there was nothing to remove', () => {
    const { graph } = lower(zooArchitecture('vgg16'));
    const once = simplify(graph);
    expect(hashGraph(once)).not.toBe(hashGraph(graph)); // sums of one term
    expect(simplify(once)).toBe(once);
  });
});
