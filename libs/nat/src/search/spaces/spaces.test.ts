import { validateArchitecture, zooArchitecture } from '@nat/cells';
import { parseNasBench201 } from '@nat/datasets';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { blockOf, blockOperations, blockSpace } from './block-spaces.ts';
import { nasBench201Space, splitNasBench201 } from './nasbench201-space.ts';
import { officialCellsSpace } from './official-spaces.ts';
import { isSpaceName, openSpace, SPACE_NAMES } from './open-space.ts';

const HEADER = 'index,arch,iso_class,params,flops,c10_valid_12,c10_valid_200,c100_valid_12,in16_valid_12';
const cell = (first: string, second: string): string => `|${first}~0|+|none~0|${second}~1|+|none~0|none~1|skip_connect~2|`;
const names = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3'];
const table = parseNasBench201(
  [HEADER, ...names.flatMap((a, i) => names.map((b, k) => `${5 * i + k},${cell(a, b)},${5 * i + k},1,1,1,1,1,1`))].join('\n'),
  'test',
);

describe('NAS-Bench-201', () => {
  it('never draws a cell of a held-out class, and every other one', () => {
    const space = nasBench201Space(table);
    const stream = RandomStream.of(1);
    const drawn = new Set(Array.from({ length: 600 }, () => space.sampleSource(stream).text));
    const { training, heldOut } = splitNasBench201(table);
    expect(heldOut).toEqual([0, 10, 20]);
    expect([...drawn].sort()).toEqual(training.map((row) => table.cells[row]!).sort());
  });

  it('needs a training cell', () => {
    const empty = parseNasBench201(`${HEADER}\n0,${cell('none', 'none')},0,1,1,1,1,1,1`, 'test');
    expect(() => nasBench201Space(empty)).toThrow(expect.objectContaining({ reason: 'EMPTY_SPACE' }));
  });
});

describe.each(['darts', 'enas'] as const)('random cells of %s', (name) => {
  it.each(['nat', 'nat++'] as const)('are well formed, uniform and without null (%s)', (scheme) => {
    const space = officialCellsSpace(name, scheme);
    const stream = RandomStream.of(2);
    const steps = name === 'darts' ? 4 : 5;
    const froms = new Map<number, number>();
    let repeats = 0;
    for (let i = 0; i < 400; i++) {
      const { architecture } = space.sampleSource(stream);
      validateArchitecture(architecture, 'source');
      for (const { edges, nodes, output } of architecture.cells) {
        expect([edges.length, nodes]).toEqual([2 * steps, 2 + steps]);
        expect(edges.some(({ operation }) => operation.name === 'null')).toBe(false);
        const read = new Set(edges.map(({ from }) => from));
        const loose = Array.from({ length: steps }, (_, n) => n + 2).filter((node) => name === 'darts' || !read.has(node));
        expect(output).toEqual({ kind: 'concat', nodes: loose });
        const [last, other] = edges.slice(-2);
        froms.set(last!.from, (froms.get(last!.from) ?? 0) + 1);
        if (last!.from === other!.from) repeats++;
      }
    }
    // The last node of 800 cells reads each of the earlier ones alike, and now and then one twice.
    const expected = 800 / (1 + steps);
    for (let node = 0; node <= steps; node++) expect(Math.abs(froms.get(node)! - expected)).toBeLessThan(5 * Math.sqrt(expected));
    expect(Math.abs(repeats - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });
});

describe.each(['resblock', 'vgg', 'mobilenetv2'] as const)('cells around %s', (name) => {
  it.each(['nat', 'nat++'] as const)('are the block, its neighbours, and cells of the whole space (%s)', (scheme) => {
    const space = blockSpace(name, scheme);
    const block = zooArchitecture(blockOf(name));
    const known = new Set<string>(blockOperations(name, scheme).primitives);
    const stream = RandomStream.of(3);
    const changed: number[] = [];
    for (let i = 0; i < 400; i++) {
      const { architecture } = space.sampleSource(stream);
      validateArchitecture(architecture, 'source');
      const edges = architecture.cells.flatMap((cell) => cell.edges);
      const own = block.cells.flatMap((cell) => cell.edges);
      expect(edges.every(({ operation }) => known.has(operation.name))).toBe(true);
      expect(edges.map(({ to }) => to)).toEqual(own.map(({ to }) => to));
      changed.push(edges.filter(({ from, operation }, e) => from !== own[e]!.from || operation.name !== own[e]!.operation.name).length);
    }
    const share = (test: (count: number) => boolean): number => changed.filter(test).length / changed.length;
    expect(Math.abs(share((count) => count === 0) - 0.25)).toBeLessThan(0.1);
    expect(share((count) => count > 0 && count < 8)).toBeGreaterThan(0.2);
    expect(share((count) => count > 12)).toBeGreaterThan(0.15);
  });
});

describe('openSpace', () => {
  const loadTable = (): never => {
    throw new Error('no table is needed');
  };

  it('gives one architecture for a name of the zoo, whose capitals tell it from a space', () => {
    const space = openSpace('DARTS', { scheme: 'nat', loadTable });
    const [a, b] = [space.sampleSource(RandomStream.of(1)), space.sampleSource(RandomStream.of(2))];
    expect(a).toBe(b);
    expect(a.text).toBe('DARTS');
    expect(openSpace('darts', { scheme: 'nat', loadTable }).sampleSource(RandomStream.of(1)).text).toContain('Genotype(');
    expect(openSpace('ResNet20', { scheme: 'nat', loadTable }).sampleSource(RandomStream.of(1)).text).toBe('resnet20');
  });

  it('knows which names it knows', () => {
    expect(SPACE_NAMES.every(isSpaceName)).toBe(true);
    // Written otherwise they are of the zoo, which is opened too.
    for (const name of ['VGG', 'vgg16']) {
      expect(isSpaceName(name)).toBe(false);
      expect(openSpace(name, { scheme: 'nat', loadTable }).recurring).toBe(true);
    }
    expect(() => openSpace('nowhere', { scheme: 'nat', loadTable })).toThrow(expect.objectContaining({ reason: 'UNKNOWN_SPACE' }));
  });
});
