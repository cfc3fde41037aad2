/** Every case of the golden transformation vectors of both official repositories. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ActionSpace } from './action-space.ts';
import { Episode, playEpisode } from './episode.ts';
import { primitiveAt } from '@nat/cells';
import {
  applyOperations,
  type Architecture,
  type Cell,
  findZooEntry,
  isPrimitiveName,
  officialSpace,
  primitive,
  primitiveIndex,
  type PrimitiveName,
  readGenotype,
  type SchemeName,
  writeGenotype,
} from '@nat/cells';
import { CostModel } from './cost-model.ts';
import { NAT_ACTIONS, schemeTable, transitionRow } from './transition-schemes.ts';

const directory = process.env['NAT_GOLDEN_DIR'] ?? join(import.meta.dirname, '../../../../fixtures/golden');
const name = z.custom<PrimitiveName>((value) => isPrimitiveName(value));
const count = z.number().int().nonnegative();
const indexed = z.array(z.tuple([count, count, count]));
const named = z.array(z.tuple([name, count, count]));
type Named = z.infer<typeof named>;
const genotype = z.strictObject({ normal: named, normal_concat: z.array(count), reduce: named, reduce_concat: z.array(count) });
const types = ['FULLY_CONCAT_PRIMITIVES', 'LOOSE_END_PRIMITIVES'] as const;
const operationType = z.enum(types);
const perType = <T extends z.ZodType>(value: T) => z.strictObject({ FULLY_CONCAT_PRIMITIVES: value, LOOSE_END_PRIMITIVES: value });

/** Strict objects: a field that this suite does not know is a failure. */
const vectors = z.strictObject({
  part: z.literal('C transformation'),
  repo: z.enum(['NAT', 'NATv2']),
  primitives: perType(z.array(name)),
  genotypes: z.record(z.string(), genotype),
  pairs: z.array(
    z.strictObject({
      name: z.string(),
      op_type: operationType,
      arch: indexed,
      arch_named: named,
      actions: z.array(count),
      result: indexed,
      result_named: named,
    }),
  ),
  published: z.array(
    z.strictObject({
      source: z.string(),
      target: z.string(),
      cell: z.enum(['normal', 'reduce']),
      source_named: named,
      target_named: named,
      actions: z.array(count.nullable()),
      reachable: z.boolean(),
      problems: z.array(z.tuple([count, z.string(), z.tuple([name, count, count]), z.tuple([name, count, count])])),
      same_concat: z.boolean(),
    }),
  ),
  round_trips: z.array(
    z.strictObject({
      genotype: z.string(),
      op_type: operationType,
      arch_normal: indexed,
      arch_reduce: indexed,
      with_default_concat: genotype,
      with_given_concat: genotype,
    }),
  ),
  transform_primitives: z.tuple([z.literal('null'), z.literal('same'), z.literal('skip_connect')]).optional(),
  transition_table: perType(z.record(name, z.array(name))),
  transition_index: perType(z.record(z.string(), z.array(count))).optional(),
});

const placement = { channels: 4, layers: 3 } as const;
const pricer = new CostModel(placement);

/** An architecture with these edges in the given cell, and nothing but a null in the other. */
function withCell(edges: Named, which: 'normal' | 'reduce' = 'normal', concat?: readonly number[]): Architecture {
  const nodes = Math.max(...edges.map(([, , to]) => to)) + 1;
  const full: Cell = {
    name: which,
    inputs: 2,
    nodes,
    edges: edges.map(([operation, from, to]) => ({ from, to, operation: primitive(operation) })),
    output: { kind: 'concat', nodes: concat ?? Array.from({ length: nodes - 2 }, (_, index) => index + 2) },
  };
  const empty: Cell = {
    name: which === 'normal' ? 'reduce' : 'normal',
    inputs: 2,
    nodes: 3,
    edges: [{ from: 0, to: 2, operation: primitive('null') }],
    output: { kind: 'last' },
  };
  return { cells: which === 'normal' ? [full, empty] : [empty, full], skeleton: { kind: 'repeated' } };
}

function edgesOf(architecture: Architecture, which: 'normal' | 'reduce' = 'normal'): Named {
  return architecture.cells[which === 'normal' ? 0 : 1]!.edges.map(({ operation, from, to }) => [operation.name as PrimitiveName, from, to]);
}

/** The official transformation: actions are positions of the official rows. */
function transform(edges: Named, actions: readonly number[], scheme: SchemeName, which: 'normal' | 'reduce' = 'normal'): Named {
  const source = withCell(edges, which);
  const space = new ActionSpace(pricer.price(source), schemeTable(scheme), { mode: 'official', placement });
  const keep = schemeTable(scheme).keep[primitiveIndex('null')]!;
  const positions = which === 'normal' ? [...actions, keep] : [keep, ...actions];
  return edgesOf(applyOperations(source, playEpisode(space, positions)), which);
}

describe.each(['transform_nat.json', 'transform_natv2.json'])('%s', (file) => {
  const golden = vectors.parse(JSON.parse(readFileSync(join(directory, file), 'utf8')));
  const scheme: SchemeName = golden.repo === 'NAT' ? 'nat' : 'nat++';
  const toNamed = (edges: z.infer<typeof indexed>, type: (typeof types)[number]): Named =>
    edges.map(([operation, from, to]) => [golden.primitives[type][operation]!, from, to]);

  it('has the same operations in the same order', () => {
    for (const type of types) expect(officialSpace(golden.repo, type).primitives).toEqual(golden.primitives[type]);
    if (golden.repo === 'NAT') expect(NAT_ACTIONS).toEqual(golden.transform_primitives);
  });

  it('has the same transition table, in order', () => {
    for (const type of types) {
      expect(Object.keys(golden.transition_table[type]).sort()).toEqual([...golden.primitives[type]].sort());
      for (const [source, row] of Object.entries(golden.transition_table[type])) expect(transitionRow(scheme, source as PrimitiveName), source).toEqual(row);
      for (const [source, row] of Object.entries(golden.transition_index?.[type] ?? {})) {
        const operations = golden.primitives[type];
        expect(
          transitionRow(scheme, source as PrimitiveName).map((target) => operations.indexOf(target)),
          source,
        ).toEqual(row);
      }
    }
  });

  it.each(Object.entries(golden.genotypes))('publishes %s', (published, expected) => {
    const entry = findZooEntry(published);
    expect(entry?.name).toBe(published);
    expect(entry!.repositories).toContain(golden.repo);
    const architecture = entry!.architecture();
    expect(edgesOf(architecture)).toEqual(expected.normal);
    expect(edgesOf(architecture, 'reduce')).toEqual(expected.reduce);
    expect(architecture.cells.map(({ output }) => output)).toEqual([
      { kind: 'concat', nodes: expected.normal_concat },
      { kind: 'concat', nodes: expected.reduce_concat },
    ]);
  });

  it.each(golden.pairs)('transforms $name', ({ op_type, arch, arch_named, actions, result, result_named }) => {
    expect(toNamed(arch, op_type)).toEqual(arch_named);
    expect(toNamed(result, op_type)).toEqual(result_named);
    expect(transform(arch_named, actions, scheme)).toEqual(result_named);
  });

  it.each(golden.published)('takes $source $cell to $target', (row) => {
    const publishedCell = (which: string): Named => edgesOf(findZooEntry(which)!.architecture(), row.cell);
    expect(publishedCell(row.source)).toEqual(row.source_named);
    expect(publishedCell(row.target)).toEqual(row.target_named);
    const outputs = [row.source, row.target].map((which) => findZooEntry(which)!.architecture().cells[row.cell === 'normal' ? 0 : 1]!.output);
    expect(JSON.stringify(outputs[0]) === JSON.stringify(outputs[1])).toBe(row.same_concat);
    const problems = new Map(row.problems.map(([index, text]) => [index, text]));
    row.source_named.forEach(([before], index) => {
      const after = row.target_named[index]![0];
      const official =
        officialSpace(golden.repo, 'FULLY_CONCAT_PRIMITIVES').primitives.includes(before) ||
        officialSpace(golden.repo, 'LOOSE_END_PRIMITIVES').primitives.includes(before);
      const action = row.actions[index];
      switch (problems.get(index)) {
        case undefined:
          expect(transitionRow(scheme, before)[action ?? -1]).toBe(after);
          break;
        case 'transition not allowed':
          expect(transitionRow(scheme, before)).not.toContain(after);
          break;
        case 'op not in the transition table':
          expect(official).toBe(false);
          break;
        default:
          throw new Error(`unknown problem ${problems.get(index)}`);
      }
    });
    expect(row.reachable).toBe(problems.size === 0);
    if (row.reachable)
      expect(
        transform(
          row.source_named,
          row.actions.map((action) => action ?? -1),
          scheme,
          row.cell,
        ),
      ).toEqual(row.target_named);
  });

  it.each(golden.round_trips)('reads and writes $genotype', (row) => {
    const normal = toNamed(row.arch_normal, row.op_type);
    const reduce = toNamed(row.arch_reduce, row.op_type);
    for (const expected of [row.with_default_concat, row.with_given_concat]) {
      const cells = [withCell(normal, 'normal', expected.normal_concat).cells[0]!, withCell(reduce, 'reduce', expected.reduce_concat).cells[1]!];
      const text = writeGenotype({ cells, skeleton: { kind: 'repeated' } });
      const list = (edges: Named): string => `[${edges.map(([operation, from, to]) => `('${operation}', ${from}, ${to})`).join(', ')}]`;
      expect(text).toBe(
        `Genotype(normal=${list(expected.normal)}, normal_concat=[${expected.normal_concat.join(', ')}], reduce=${list(expected.reduce)}, reduce_concat=[${expected.reduce_concat.join(', ')}])`,
      );
      expect(readGenotype(text).cells).toEqual(cells);
    }
  });

  it('offers in official mode every official row entry as an action of its own', () => {
    for (const operation of golden.primitives.FULLY_CONCAT_PRIMITIVES) {
      const space = new ActionSpace(pricer.price(withCell([[operation, 0, 2]])), schemeTable(scheme), { mode: 'official', placement });
      const sequence = new Episode(space);
      const row = [...space.row(0)].map(primitiveAt);
      expect(row).toEqual(golden.transition_table.FULLY_CONCAT_PRIMITIVES[operation]);
      expect(sequence.legalActions()).toEqual(Array.from(row, () => 1));
    }
  });
});
