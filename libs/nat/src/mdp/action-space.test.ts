import { describe, expect, it } from 'vitest';
import { certify } from './certificate.ts';
import { ActionSpace } from './action-space.ts';
import { Episode, playEpisode } from './episode.ts';
import {
  applyEdits,
  applyOperations,
  type Architecture,
  type PlacementOptions,
  primitiveIndex,
  readGenotype,
  readNasBench201,
  zooArchitecture,
} from '@nat/cells';
import { CostModel } from './cost-model.ts';
import { schemeTable } from './transition-schemes.ts';

const space = (architecture: Architecture, scheme: 'nat' | 'nat++' = 'nat', options: PlacementOptions = {}): ActionSpace =>
  new ActionSpace(new CostModel(options).price(architecture), schemeTable(scheme), { placement: options });

/** Allowed targets of an edge by its place, e.g. `1.3` for cell 1, edge 3. */
function targets(each: ActionSpace, cell: number, edge: number): readonly string[] {
  return each.targets(each.edges.indexOf(each.priced.offsets[cell]! + edge));
}

describe('ActionSpace', () => {
  it('masks what would add cost at the real stride', () => {
    const darts = space(zooArchitecture('DARTS'), 'nat++');
    expect(targets(darts, 1, 0)).toEqual(['max_pool_3x3', 'avg_pool_3x3', 'null']); // stride 2: a skip has weights
    expect(targets(darts, 1, 2)).toEqual(['skip_connect', 'null']);
    const enas = space(zooArchitecture('ENAS'), 'nat++');
    expect(targets(enas, 1, 4)).toEqual(['avg_pool_3x3', 'max_pool_3x3', 'null']);
    const normal = space(zooArchitecture('VGG'));
    expect(targets(normal, 0, 0)).toEqual(['null', 'skip_connect']); // stride 1: the identity is free
    expect(targets(normal, 1, 0)).toEqual(['null']);
    expect(targets(normal, 1, 7)).toEqual(['null', 'max_pool_3x3', 'skip_connect']); // inside a reduction: stride 1
  });

  it('never lets null or a skip become an operation with an output, and gives unknown rows keep, skip, null', () => {
    expect(targets(space(zooArchitecture('NAONet'), 'nat++'), 0, 3)).toEqual(['conv_1x3_3x1', 'skip_connect', 'null']);
    expect(targets(space(zooArchitecture('DARTS'), 'nat++'), 0, 5)).toEqual(['skip_connect', 'null']);
  });

  it('keeps to the operations given, and always to the one that is there', () => {
    const cell = readNasBench201('|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|');
    const names = (operations?: readonly ('null' | 'skip_connect' | 'conv_1x1')[]): readonly (readonly string[])[] => {
      const each = new ActionSpace(new CostModel({}).price(cell), schemeTable('nat++'), operations === undefined ? {} : { operations });
      return [0, 2].map((edge) => targets(each, 0, edge));
    };
    expect(names()[0]).toContain('sep_conv_3x3');
    expect(names(['null', 'skip_connect', 'conv_1x1'])).toEqual([
      ['conv_3x3', 'conv_1x1', 'skip_connect', 'null'],
      ['avg_pool_3x3', 'skip_connect', 'null'],
    ]);
  });

  it('takes fixed operations out, and skips that would change nothing', () => {
    const resnet = space(zooArchitecture('resnet20'));
    expect(resnet.edges.length).toBe(9 * 4 - 9 - 2); // one ReLU a block, two padded shortcuts
    const mobile = space(zooArchitecture('mobilenet_v2'));
    expect(targets(mobile, 1, 0)).toEqual(['null', 'conv_1x1']); // 16 to 96 channels: the skip is that convolution
    expect(targets(mobile, 1, 1)).toEqual(['null', 'dw_conv_3x3', 'skip_connect']);
    expect(targets(mobile, 3, 1)).toEqual(['null', 'dw_conv_3x3']); // stride 2: a skip has C * C weights
  });

  it('keeps pools away from places that change the channels, in official mode too', () => {
    const vgg = zooArchitecture('vgg16');
    const official = new ActionSpace(new CostModel().price(vgg), schemeTable('nat++'), { mode: 'official' });
    expect(targets(official, 1, 0)).toEqual(['conv_3x3', 'conv_1x1', 'sep_conv_3x3', 'dil_conv_3x3', 'skip_connect', 'null']); // 64 to 128 channels
    expect(targets(official, 1, 1)).toContain('max_pool_3x3');
  });

  it('in a supernet does not count weights as saved that another edge still uses', () => {
    const twice = readGenotype(
      "Genotype(normal=[('sep_conv_5x5', 0, 2), ('sep_conv_5x5', 0, 2)], normal_concat=[2], reduce=[('null', 0, 2)], reduce_concat=[2])",
    );
    expect(targets(space(twice, 'nat++', { network: 'supernet' }), 0, 0)).toEqual([
      'sep_conv_5x5',
      'max_pool_5x5',
      'max_pool_3x3',
      'avg_pool_5x5',
      'avg_pool_3x3',
      'skip_connect',
      'null',
    ]);
    expect(targets(space(twice, 'nat++'), 0, 0)).toContain('sep_conv_3x3');
  });
});

describe('Episode', () => {
  it('keeps the last live path of a chain, and only that', () => {
    const vgg = space(zooArchitecture('vgg16'));
    const sequence = new Episode(vgg);
    while (!sequence.done) {
      expect(sequence.legalActions()[0]).toBe(0); // action 0 is null
      sequence.step(1);
    }
    const block = space(zooArchitecture('resnet20'));
    const cut = new Episode(block);
    expect(cut.legalActions()[0]).toBe(1);
    cut.step(0);
    cut.step(0);
    expect(cut.legalActions()[0]).toBe(0); // the shortcut is what is left
    expect(() => {
      cut.step(0);
    }).toThrow(RangeError);
  });

  it('counts on a path as the source has it, until an edit opens another', () => {
    const cell = space(readNasBench201('|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|'));
    const keep = new Episode(cell);
    for (const position of [1, 1, 1]) keep.step(position);
    expect(keep.legalActions()[0]).toBe(0);
    const open = new Episode(cell);
    for (const position of [2, 1, 1]) open.step(position); // node 1 reached, but not yet left
    expect(open.legalActions()[0]).toBe(0);
    const through = new Episode(space(readNasBench201('|none~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|')));
    expect(through.legalActions()).toEqual([0, 1, 1]);
  });

  it('refuses actions out of order and out of range', () => {
    const cell = space(readNasBench201('|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|'));
    expect(() => playEpisode(cell, [1, 1, 1])).toThrow(/one an editable edge needed: 6/);
    expect(() => playEpisode(cell, [1, 1, 1, 0, 1, 1])).toThrow(/actions\[3\]: 0 is not allowed/);
    expect(() => playEpisode(cell, [1, 1, NaN, 1, 1, 1])).toThrow(/actions\[2\]: NaN/);
    expect(() => playEpisode(cell, [9, 1, 1, 1, 1, 1])).toThrow(/actions\[0\]: 9/);
    expect(playEpisode(cell, [1, 1, 1, 1, 1, 1])).toEqual(cell.priced.operations);
  });
});

describe('certify', () => {
  it('says by how much each edge got cheaper', () => {
    const priced = new CostModel().price(zooArchitecture('DARTS'));
    const operations = Int16Array.from(priced.operations);
    operations[2] = primitiveIndex('skip_connect');
    const certificate = certify(priced, operations);
    expect(certificate.edges).toEqual([
      {
        cell: 0,
        edge: 2,
        before: 'sep_conv_3x3',
        after: 'skip_connect',
        saved: { params: certificate.source.params - certificate.result.params, macs: certificate.source.macs - certificate.result.macs },
      },
    ]);
    expect(certificate.holds).toBe(true);
    expect(certify(priced, operations, { maxMacs: 1 })).toMatchObject({ holds: false, budget: { maxMacs: 1, met: false } });
  });

  it('does not hold where published results cost more than their sources', () => {
    const priced = new CostModel().price(zooArchitecture('VGG'));
    const published = zooArchitecture('NAT_VGG').cells.flatMap(({ edges }) =>
      edges.map(({ operation }) => (operation.kind === 'primitive' ? primitiveIndex(operation.name) : -1)),
    );
    expect(certify(priced, published)).toMatchObject({ holds: false, source: { params: 3_797_974 }, result: { params: 3_850_678 } });
  });
});

describe('applyEdits', () => {
  const darts = zooArchitecture('DARTS');

  it('shares what does not change', () => {
    const result = applyEdits(darts, [{ cell: 0, edge: 2, before: 'sep_conv_3x3', after: 'skip_connect' }]);
    expect(result.cells[1]).toBe(darts.cells[1]);
    expect(result.cells[0]!.edges[0]).toBe(darts.cells[0]!.edges[0]);
    expect(result.cells[0]!.edges[2]!.operation.name).toBe('skip_connect');
    expect(result.name).toBeUndefined();
    expect(applyEdits(darts, [])).toBe(darts);
    expect(applyOperations(darts, new CostModel().price(darts).operations)).toBe(darts);
  });

  it('keeps an activation where the new operation applies one', () => {
    const block = zooArchitecture('mobilenet_v2');
    const edit = (after: 'skip_connect' | 'null' | 'conv_3x3'): unknown =>
      applyEdits(block, [{ cell: 2, edge: 0, before: 'conv_1x1', after }]).cells[2]!.edges[0]!.operation;
    expect(edit('conv_3x3')).toEqual({ kind: 'primitive', name: 'conv_3x3', activation: 'none' });
    expect(edit('null')).toEqual({ kind: 'primitive', name: 'null' });
  });

  it.each([
    [{ cell: 7, edge: 0, before: 'null', after: 'null' }, 'edits[0].cell'],
    [{ cell: 0, edge: 99, before: 'null', after: 'null' }, 'edits[0].edge'],
    [{ cell: 0, edge: NaN, before: 'null', after: 'null' }, 'edits[0].edge'],
    [{ cell: 0, edge: 0, before: 'null', after: 'null' }, 'edits[0].before'],
    [{ cell: 0, edge: 0, before: 'sep_conv_3x3', after: 'magic' as 'null' }, 'edits[0].after'],
  ] as const)('refuses an edit that does not fit (%#)', (edit, field) => {
    expect(() => applyEdits(darts, [edit])).toThrow(field);
  });

  it('refuses to edit an edge twice, and fixed operations', () => {
    const edit = { cell: 0, edge: 0, before: 'sep_conv_3x3', after: 'null' } as const;
    expect(() => applyEdits(darts, [edit, edit])).toThrow(/edits\[1\].edge: this edge is edited twice/);
    expect(() => applyEdits(zooArchitecture('resnet20'), [{ cell: 0, edge: 3, before: 'null', after: 'null' }])).toThrow(/relu is fixed/);
  });
});
