import { RandomStream } from '@nat/base/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalForm } from './canonical-graph.ts';
import type { LabelledGraph } from './canonical-graph.ts';
import { randomArchitecture } from './generate.ts';
import { readGenotype } from '../text/genotype.ts';
import { architectureIdentity } from './identity.ts';
import { readNasBench201 } from '../text/nasbench201.ts';
import { primitive } from './operation.ts';
import type { Architecture, Cell, Edge } from './types.ts';
import { findViolations } from './validate.ts';
import { listZoo, zooArchitecture } from '../zoo/zoo.ts';

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });

/** The same cell with its own nodes numbered anew (topologically), its edges and output shuffled. */
function renumber(cell: Cell, stream: RandomStream): Cell {
  const number = Array.from({ length: cell.nodes }, (_, node) => (node < cell.inputs ? node : -1));
  const waiting = new Array<number>(cell.nodes).fill(0);
  const leaving: number[][] = waiting.map(() => []);
  for (const { from, to } of cell.edges) {
    waiting[to]!++;
    leaving[from]!.push(to);
  }
  const ready: number[] = [];
  const done = (node: number): void => {
    for (const to of leaving[node]!) if (--waiting[to]! === 0) ready.push(to);
  };
  for (let input = 0; input < cell.inputs; input++) done(input);
  for (let next = cell.inputs; next < cell.nodes; next++) {
    const [node] = ready.splice(stream.integer(ready.length), 1);
    number[node!] = next;
    done(node!);
  }
  const output =
    cell.output.kind === 'concat' ? { kind: 'concat' as const, nodes: stream.shuffle(cell.output.nodes.map((node) => number[node]!)) } : cell.output;
  return { ...cell, edges: stream.shuffle(cell.edges.map((edge): Edge => ({ ...edge, from: number[edge.from]!, to: number[edge.to]! }))), output };
}

/** The same architecture under other names, numbers and orders. */
function disguise(architecture: Architecture, stream: RandomStream): Architecture {
  const { skeleton } = architecture;
  const cells = architecture.cells.map((cell): Cell => {
    // Renumbering may move the last node: say which it was.
    const explicit = cell.output.kind === 'last' ? { ...cell, output: { kind: 'concat' as const, nodes: [cell.nodes - 1] } } : cell;
    return renumber(explicit, stream);
  });
  if (skeleton.kind !== 'explicit') return { name: 'disguised', cells, skeleton };
  const renamed = new Map(cells.map(({ name }) => [name, `other ${name}`]));
  return {
    cells: stream.shuffle(cells.map((cell) => ({ ...cell, name: renamed.get(cell.name)! }))),
    skeleton: { ...skeleton, placements: skeleton.placements.map((placement) => ({ ...placement, cell: renamed.get(placement.cell)! })) },
  };
}

describe('architectureIdentity', () => {
  it('does not change with numbering, order and names', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const architecture = randomArchitecture(RandomStream.of(seed), { maxNodes: 8 });
        const disguised = disguise(architecture, RandomStream.of(seed, 'disguise'));
        expect(findViolations(disguised)).toEqual([]);
        expect(architectureIdentity(disguised)).toBe(architectureIdentity(architecture));
      }),
      { numRuns: 300 },
    );
  });

  it('changes with any operation, null included', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const stream = RandomStream.of(seed);
        const architecture = randomArchitecture(stream);
        const at = stream.integer(architecture.cells.length);
        const cell = architecture.cells[at]!;
        const edge = stream.integer(cell.edges.length);
        const before = cell.edges[edge]!.operation;
        const after = primitive(before.name === 'null' ? 'skip_connect' : 'null');
        const changed: Architecture = {
          ...architecture,
          cells: architecture.cells.map((each, index) =>
            index === at ? { ...each, edges: each.edges.map((one, position) => (position === edge ? { ...one, operation: after } : one)) } : each,
          ),
        };
        expect(architectureIdentity(changed)).not.toBe(architectureIdentity(architecture));
      }),
      { numRuns: 300 },
    );
  });

  it('keeps apart what the zoo keeps apart, and joins what is the same', () => {
    const byIdentity = new Map<string, string[]>();
    for (const { name, architecture } of listZoo()) {
      const identity = architectureIdentity(architecture());
      expect(identity).toMatch(/^[0-9a-f]{64}$/);
      byIdentity.set(identity, [...(byIdentity.get(identity) ?? []), name]);
    }
    expect([...byIdentity.values()].filter((names) => names.length > 1)).toEqual([['NAT_MobileNetv2', 'NATv2_MobileNetv2']]);
  });

  it('sees dead edges, which node is which input, and the output', () => {
    const identities = [
      "Genotype(normal=[('conv_3x3', 0, 2)], normal_concat=[2], reduce=[('null', 0, 2)], reduce_concat=[2])",
      "Genotype(normal=[('conv_3x3', 1, 2)], normal_concat=[2], reduce=[('null', 0, 2)], reduce_concat=[2])",
      "Genotype(normal=[('conv_3x3', 0, 2), ('conv_1x1', 0, 3)], normal_concat=[2], reduce=[('null', 0, 2)], reduce_concat=[2])",
      "Genotype(normal=[('conv_3x3', 0, 2), ('conv_1x1', 0, 3)], normal_concat=[2, 3], reduce=[('null', 0, 2)], reduce_concat=[2])",
      "Genotype(normal=[('conv_3x3', 0, 2), ('null', 1, 2)], normal_concat=[2], reduce=[('null', 0, 2)], reduce_concat=[2])",
      "Genotype(normal=[('conv_3x3', 0, 2), ('conv_3x3', 0, 2)], normal_concat=[2], reduce=[('null', 0, 2)], reduce_concat=[2])",
    ].map((text) => architectureIdentity(readGenotype(text)));
    expect(new Set(identities).size).toBe(identities.length);
    expect(architectureIdentity(readNasBench201('|none~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|none~2|'))).not.toBe(
      architectureIdentity(readNasBench201('|none~0|+|nor_conv_1x1~0|none~1|+|none~0|none~1|none~2|')),
    );
  });

  it('sees channels, strides and the head of an explicit network, and fills in what edges leave out', () => {
    const resnet = zooArchitecture('resnet20');
    if (resnet.skeleton.kind !== 'explicit') throw new Error('resnet20 is explicit');
    const spelled: Architecture = {
      ...resnet,
      cells: resnet.cells.map((cell) => ({
        ...cell,
        edges: cell.edges.map((edge) => (edge.operation.name === 'relu' ? { ...edge, stride: 1 as const } : edge)),
      })),
    };
    expect(architectureIdentity(spelled)).toBe(architectureIdentity(resnet));
    expect(architectureIdentity({ ...resnet, skeleton: { ...resnet.skeleton, classes: 100 } })).not.toBe(architectureIdentity(resnet));
    expect(architectureIdentity({ ...resnet, skeleton: { ...resnet.skeleton, imageSize: 28 } })).not.toBe(architectureIdentity(resnet));
  });

  it('takes bounded time for the largest and the most symmetric cells', () => {
    const wide = (edges: Edge[], nodes: number): Architecture => ({
      cells: [{ name: 'cell', inputs: 1, nodes, edges, output: { kind: 'last' } }],
      skeleton: { kind: 'nasbench201' },
    });
    const conv = primitive('conv_3x3');
    const twins = Array.from({ length: 2047 }, (_, index) => [
      { from: 0, to: index + 1, operation: conv },
      { from: index + 1, to: 2048, operation: conv },
    ]).flat();
    const chains = Array.from({ length: 1365 }, (_, index) => [
      { from: 0, to: 2 * index + 1, operation: conv },
      { from: 2 * index + 1, to: 2 * index + 2, operation: conv },
      { from: 2 * index + 2, to: 2731, operation: conv },
    ]).flat();
    const chain = Array.from({ length: 4096 }, (_, index) => ({ from: index, to: index + 1, operation: conv }));
    // Rings: a_i -> b_i and a_i -> b_i+1, refinement alone sees no difference.
    const ring = (sizes: readonly number[]): Architecture => {
      const count = sizes.reduce((sum, size) => sum + size, 0);
      const edges: Edge[] = [];
      let start = 0;
      for (const size of sizes) {
        for (let index = 0; index < size; index++) {
          const a = 1 + start + index;
          edges.push({ from: 0, to: a, operation: conv }, { from: a, to: 1 + count + start + index, operation: conv });
          edges.push(
            { from: a, to: 1 + count + start + ((index + 1) % size), operation: conv },
            { from: 1 + count + start + index, to: 2 * count + 1, operation: conv },
          );
        }
        start += size;
      }
      return wide(edges, 2 * count + 2);
    };
    for (const [edges, nodes] of [
      [twins, 2049],
      [chains, 2732],
      [chain, 4097],
    ] as const) {
      const architecture = wide(edges, nodes);
      expect(architectureIdentity(disguise(architecture, RandomStream.of(1)))).toBe(architectureIdentity(architecture));
    }
    const rings = [ring([6]), ring([3, 3]), ring([4, 2])];
    expect(new Set(rings.map(architectureIdentity)).size).toBe(3);
    const large = ring([1000]);
    expect(architectureIdentity(disguise(large, RandomStream.of(2)))).toBe(architectureIdentity(large));
  });
});

describe('canonicalForm', () => {
  /** Isomorphic under some renumbering, by trying all. */
  function isomorphic(a: LabelledGraph, b: LabelledGraph): boolean {
    const key = (edges: LabelledGraph['edges'], place: readonly number[]): string =>
      edges
        .map(({ from, to, label }) => `${place[from]} ${place[to]} ${label}`)
        .sort()
        .join();
    const wanted = key(
      b.edges,
      b.nodes.map((_, node) => node),
    );
    const tryAll = (place: number[]): boolean => {
      if (place.length === a.nodes.length) return key(a.edges, place) === wanted;
      return b.nodes.some((label, node) => !place.includes(node) && label === a.nodes[place.length] && tryAll([...place, node]));
    };
    return a.edges.length === b.edges.length && tryAll([]);
  }

  it('agrees with trying every numbering', () => {
    const graph = (stream: RandomStream): LabelledGraph => {
      const nodes = 3 + stream.integer(3);
      const edges = Array.from({ length: stream.integer(5) + 2 }, () => {
        const to = 1 + stream.integer(nodes - 1);
        return { from: stream.integer(to), to, label: stream.integer(4) === 0 ? 'b' : 'a' };
      });
      return { nodes: Array.from({ length: nodes }, () => 'node'), edges };
    };
    const stream = RandomStream.of(7);
    const graphs = Array.from({ length: 250 }, () => graph(stream));
    let same = 0;
    graphs.forEach((a, index) => {
      for (const b of graphs.slice(0, index)) {
        if (a.nodes.length !== b.nodes.length || a.edges.length !== b.edges.length) continue;
        const expected = isomorphic(a, b);
        if (expected) same++;
        expect(canonicalForm(a) === canonicalForm(b)).toBe(expected);
      }
    });
    expect(same).toBeGreaterThan(10);
  });

  it('stays the same for every numbering when it runs out of steps', () => {
    const ring = (order: readonly number[]): LabelledGraph => ({
      nodes: order.map(() => 'node'),
      edges: Array.from({ length: 5 }, (_, index) => [
        { from: order[index]!, to: order[5 + index]!, label: 'a' },
        { from: order[index]!, to: order[5 + ((index + 1) % 5)]!, label: 'a' },
      ]).flat(),
    });
    const plain = Array.from({ length: 10 }, (_, index) => index);
    const shuffled = RandomStream.of(3).shuffle([...plain]);
    expect(canonicalForm(ring(plain), 50)).toBe(canonicalForm(ring(shuffled), 50));
    expect(canonicalForm(ring(plain), 50)).not.toBe(canonicalForm(ring(plain)));
    expect(canonicalForm(ring(plain))).toBe(canonicalForm(ring(shuffled)));
  });
});
