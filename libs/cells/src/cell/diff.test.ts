import { describe, expect, it } from 'vitest';
import { diffArchitectures } from './diff.ts';
import { primitive } from './operation.ts';
import type { Architecture } from './types.ts';
import { zooArchitecture } from '../zoo/zoo.ts';

describe('diffArchitectures', () => {
  it('lists replaced edges of architectures with the same structure', () => {
    const diff = diffArchitectures(zooArchitecture('DARTS'), zooArchitecture('NAT_DARTS'));
    expect(diff).toMatchObject({ sameStructure: true, skeletonChanged: false });
    expect(
      diff.cells.map(({ name, status, replaced }) => [
        name,
        status,
        replaced.map(({ edge, from, to, before, after }) => `${edge}: ${from}>${to} ${before.name} ${after.name}`),
      ]),
    ).toEqual([
      ['normal', 'changed', ['2: 0>3 sep_conv_3x3 skip_connect', '4: 1>4 sep_conv_3x3 skip_connect']],
      ['reduce', 'changed', ['1: 1>2 max_pool_3x3 skip_connect', '3: 1>3 max_pool_3x3 skip_connect', '5: 2>4 skip_connect null']],
    ]);
    expect(diffArchitectures(zooArchitecture('DARTS'), zooArchitecture('darts')).cells.every(({ status }) => status === 'same')).toBe(true);
  });

  it('lists added and removed edges and cells where the structure differs', () => {
    const darts = zooArchitecture('DARTS');
    const [normal, reduce] = darts.cells;
    const grown: Architecture = {
      ...darts,
      cells: [
        { ...normal!, edges: [...normal!.edges.slice(1), { from: 3, to: 5, operation: primitive('null') }] },
        { ...reduce!, output: { kind: 'concat', nodes: [5] } },
      ],
    };
    const diff = diffArchitectures(darts, grown);
    expect(diff.sameStructure).toBe(false);
    expect(diff.cells[0]).toMatchObject({ status: 'changed', replaced: [], removed: [{ edge: 0, from: 0, to: 2 }], added: [{ edge: 7, from: 3, to: 5 }] });
    expect(diff.cells[1]).toMatchObject({ status: 'changed', outputChanged: true });
    const other = diffArchitectures(zooArchitecture('resnet20'), zooArchitecture('resnet56'));
    expect(other).toMatchObject({ sameStructure: false, skeletonChanged: true });
    expect(other.cells.filter(({ status }) => status === 'added')).toHaveLength(18);
    expect(other.cells[0]).toMatchObject({ name: 'stage1.block1', status: 'same' });
  });
});
