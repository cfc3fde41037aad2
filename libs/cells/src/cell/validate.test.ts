import { isDomainError } from '@nat/base/errors';
import { describe, expect, it } from 'vitest';
import { architectureCost } from '../cost/cost.ts';
import { readNasBench201 } from '../text/nasbench201.ts';
import { primitive } from './operation.ts';
import type { Architecture, Cell, Edge } from './types.ts';
import { ARCHITECTURE_LIMITS, findViolations, validateArchitecture } from './validate.ts';
import { listZoo, zooArchitecture } from '../zoo/zoo.ts';

const darts = zooArchitecture('DARTS');

/** DARTS with its normal cell changed. */
function changed(change: Partial<Cell>): Architecture {
  return { ...darts, cells: [{ ...darts.cells[0]!, ...change }, darts.cells[1]!] };
}

function withEdge(index: number, change: Partial<Edge>): Architecture {
  return changed({ edges: darts.cells[0]!.edges.map((edge, at) => (at === index ? { ...edge, ...change } : edge)) });
}

function fields(architecture: Architecture): Record<string, string> {
  return Object.fromEntries(findViolations(architecture).map(({ field, description }) => [field, description]));
}

describe('findViolations', () => {
  it('accepts everything in the zoo', () => {
    for (const entry of listZoo()) expect(findViolations(entry.architecture()), entry.name).toEqual([]);
  });

  it.each([
    ['a cycle', withEdge(3, { from: 4, to: 3 }), 'architecture.cells[0].edges[3].from', /cycle/],
    ['a self loop', withEdge(3, { from: 3, to: 3 }), 'architecture.cells[0].edges[3].from', /cycle/],
    ['an edge into an input', withEdge(3, { from: 0, to: 1 }), 'architecture.cells[0].edges[3].to', /input of the cell/],
    [
      'an unknown operation',
      withEdge(2, { operation: { kind: 'primitive', name: 'conv_9x9' as never } }),
      'architecture.cells[0].edges[2].operation.name',
      /unknown operation "conv_9x9"/,
    ],
    ['an unknown kind', withEdge(2, { operation: { kind: 'magic' } as never }), 'architecture.cells[0].edges[2].operation.kind', /primitive or fixed/],
    ['a missing operation', withEdge(2, { operation: undefined as never }), 'architecture.cells[0].edges[2].operation.kind', /primitive or fixed/],
    ['NaN', withEdge(1, { from: NaN }), 'architecture.cells[0].edges[1].from', /NaN is not a node/],
    ['a fraction', withEdge(1, { from: 0.5 }), 'architecture.cells[0].edges[1].from', /0\.5 is not a node/],
    ['a node out of range', withEdge(7, { to: 9 }), 'architecture.cells[0].edges[7].to', /9 is not a node/],
    ['an empty cell', changed({ edges: [] }), 'architecture.cells[0].edges', /empty cell/],
    ['a dangling node', changed({ edges: darts.cells[0]!.edges.filter(({ to }) => to !== 4) }), 'architecture.cells[0].nodes', /node 4 is dangling/],
    ['too many nodes', changed({ nodes: 100 }), 'architecture.cells[0].nodes', /no edge into it/],
    ['NaN nodes', changed({ nodes: NaN }), 'architecture.cells[0].nodes', /NaN/],
    ['a wrong input count', changed({ inputs: 1 }), 'architecture.cells[0].inputs', /this skeleton gives 2/],
    ['a duplicate cell name', { ...darts, cells: [darts.cells[0]!, { ...darts.cells[1]!, name: 'normal' }] }, 'architecture.cells[1].name', /duplicate/],
    ['an empty output', changed({ output: { kind: 'concat', nodes: [] } }), 'architecture.cells[0].output.nodes', /no node/],
    ['an output twice', changed({ output: { kind: 'concat', nodes: [2, 2] } }), 'architecture.cells[0].output.nodes[1]', /twice/],
    ['an output of an input', changed({ output: { kind: 'concat', nodes: [1] } }), 'architecture.cells[0].output.nodes[0]', /input of the cell/],
    ['an output out of range', changed({ output: { kind: 'concat', nodes: [Infinity] } }), 'architecture.cells[0].output.nodes[0]', /Infinity is not a node/],
    ['a 2x2 pool at stride 1', withEdge(0, { operation: primitive('avg_pool_2x2') }), 'architecture.cells[0].edges[0].operation', /stride 1/],
    ['channels the skeleton decides', withEdge(0, { channels: { in: 3, out: 3 } }), 'architecture.cells[0].edges[0].channels', /skeleton decides/],
    ['no cells', { ...darts, cells: [] }, 'architecture.cells', /at least one cell/],
    ['an unknown skeleton', { ...darts, skeleton: { kind: 'spiral' } as never }, 'architecture.skeleton.kind', /repeated/],
    ['a control character in a name', { ...darts, name: 'a\u001bb' }, 'architecture.name', /control/],
  ])('refuses %s and names the field', (_, architecture, field, description) => {
    expect(fields(architecture)[field]).toMatch(description);
  });

  it('bounds the edges of a cell and of all cells before looking at any', () => {
    const many = (count: number): Edge[] => Array.from({ length: count }, () => ({ from: NaN, to: 2, operation: primitive('null') }));
    expect(fields(changed({ edges: many(100_000) }))).toEqual({
      'architecture.cells[0].edges': '100000 edges, at most 4096 a cell',
      'architecture.cells': expect.stringMatching(/in all, at most 16384/) as string,
    });
    const wide = many(ARCHITECTURE_LIMITS.edgesPerCell).map((edge) => ({ ...edge, from: 0 }));
    expect(findViolations(changed({ nodes: 3, edges: wide, output: { kind: 'last' } }))).toEqual([]);
  });

  it('stops reporting after the limit', () => {
    const bad: Edge[] = Array.from({ length: 4096 }, () => ({ from: -1, to: 1e9, operation: primitive('null') }));
    expect(findViolations(changed({ edges: bad }))).toHaveLength(ARCHITECTURE_LIMITS.violations);
  });

  it('checks reads, channels and sizes of an explicit skeleton', () => {
    const resnet = zooArchitecture('resnet20');
    if (resnet.skeleton.kind !== 'explicit') throw new Error('resnet20 is explicit');
    const { skeleton } = resnet;
    const replaced = (index: number, placement: { cell?: string; reads?: readonly number[] }): Architecture => ({
      ...resnet,
      skeleton: { ...skeleton, placements: skeleton.placements.map((each, at) => (at === index ? { ...each, ...placement } : each)) },
    });
    expect(fields(replaced(2, { reads: [2] }))['architecture.skeleton.placements[2].reads[0]']).toMatch(/neither the stem/);
    expect(fields(replaced(2, { reads: [] }))['architecture.skeleton.placements[2].reads']).toMatch(/1 needed/);
    expect(fields(replaced(2, { cell: 'nowhere' }))).toMatchObject({
      'architecture.skeleton.placements[2].cell': expect.stringMatching(/no cell/) as string,
      'architecture.cells[2].name': expect.stringMatching(/never placed/) as string,
    });
    expect(fields(replaced(2, { reads: [0] }))['architecture.skeleton.placements[1]']).toMatch(/dangling/);
    const misread = resnet.cells.map((cell, at) =>
      at === 8 ? { ...cell, edges: cell.edges.map((edge) => ({ ...edge, channels: { in: 16, out: 64 } })) } : cell,
    );
    expect(fields({ ...resnet, cells: misread })['architecture.cells[8].edges[0].channels.in']).toMatch(/16 given, but node 0 has 64/);
    const narrowed = resnet.cells.map((cell, at) =>
      at === 0 ? { ...cell, edges: cell.edges.map((edge, e) => (e === 1 ? { ...edge, stride: 2 as const } : edge)) } : cell,
    );
    expect(fields({ ...resnet, cells: narrowed })['architecture.cells[0].edges[2]']).toMatch(/16 x 32 x 32, but node 2 is 16 x 16 x 16/);
    expect(fields({ ...resnet, skeleton: { ...skeleton, imageSize: 0, classes: NaN } })).toMatchObject({
      'architecture.skeleton.imageSize': expect.any(String) as string,
      'architecture.skeleton.classes': expect.any(String) as string,
    });
  });

  it('bounds what a network places, concatenates and costs', () => {
    const { cells } = zooArchitecture('resnet20');
    const wide: Cell = { ...cells[0]!, edges: Array.from({ length: 4096 }, () => cells[0]!.edges[0]!), nodes: 2, output: { kind: 'last' } };
    const many = (cell: Cell, count: number, channels: number): Architecture => ({
      cells: [cell],
      skeleton: {
        kind: 'explicit',
        stem: { channels, kernel: 3, stride: 1, activation: 'relu' },
        placements: Array.from({ length: count }, (_, index) => ({ cell: cell.name, reads: [index - 1] })),
        head: { activation: 'none' },
        imageSize: 4096,
        classes: 10,
      },
    });
    expect(fields(many(wide, 4096, 16))['architecture.skeleton.placements']).toMatch(/16777216 placed edges, at most 262144/);
    const doubling: Cell = {
      name: 'd',
      inputs: 1,
      nodes: 3,
      edges: [1, 2].map((to) => ({ from: 0, to, operation: primitive('skip_connect') })),
      output: { kind: 'concat', nodes: [1, 2] },
    };
    expect(fields(many(doubling, 3, 16_384))['architecture.cells[0].output']).toMatch(/131072 channels, at most 65536/);
    const heavy: Cell = {
      name: 'h',
      inputs: 1,
      nodes: 2,
      edges: Array.from({ length: 4000 }, () => ({ from: 0, to: 1, operation: primitive('conv_5x5') })),
      output: { kind: 'last' },
    };
    expect(findViolations(many(heavy, 1, 16_384))).toEqual([]);
    expect(() => architectureCost(many(heavy, 1, 16_384))).toThrow(/more than can be counted/);
    const normal = changed({
      nodes: 3,
      edges: Array.from({ length: 4096 }, () => ({ from: 0, to: 2, operation: primitive('null') })),
      output: { kind: 'last' },
    });
    expect(() => architectureCost(normal, { layers: 200 })).toThrow(/placement.layers: up to 819200 placed edges/);
  });

  it('keeps the channels of a NAS-Bench-201 cell', () => {
    const cell = readNasBench201('|none~0|+|none~0|none~1|+|none~0|none~1|none~2|').cells[0]!;
    const widened: Architecture = { cells: [{ ...cell, output: { kind: 'concat', nodes: [2, 3] } }], skeleton: { kind: 'nasbench201' } };
    expect(fields(widened)['architecture.cells[0].output']).toMatch(/one node/);
  });

  it('refuses a 2x2 pool at an odd size', () => {
    const vgg = zooArchitecture('vgg16');
    if (vgg.skeleton.kind !== 'explicit') throw new Error('vgg16 is explicit');
    expect(fields({ ...vgg, skeleton: { ...vgg.skeleton, imageSize: 34 } })['architecture.cells[1].edges[2].operation']).toMatch(/even size, not 17/);
  });
});

describe('validateArchitecture', () => {
  it('throws one INVALID_ARGUMENT with every violation under the given root', () => {
    const bad = withEdge(3, { from: 4, to: 3, operation: { kind: 'primitive', name: 'x' as never } });
    let thrown: unknown;
    try {
      validateArchitecture(bad, 'request.source');
    } catch (error) {
      thrown = error;
    }
    if (!isDomainError(thrown)) throw new Error('expected a DomainError');
    expect(thrown.kind).toBe('INVALID_ARGUMENT');
    expect(thrown.violations.map(({ field }) => field)).toEqual(['request.source.cells[0].edges[3].from', 'request.source.cells[0].edges[3].operation.name']);
  });
});
