/** Properties over random architectures and random actions. */
import { RandomStream } from '@nat/base/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { certify } from './certificate.ts';
import { cellGuards } from './connectivity.ts';
import {
  applyEdits,
  applyOperations,
  type Architecture,
  architectureCost,
  architectureIdentity,
  edgeCosts,
  editsTo,
  findViolations,
  OFFICIAL_SPACES,
  outputNodes,
  type PlacementOptions,
  lower,
  primitiveIndex,
  randomArchitecture,
  randomOfficialArchitecture,
  readGenotype,
  readJson,
  writeGenotype,
  writeJson,
} from '@nat/cells';
import { ActionSpace } from './action-space.ts';
import { Episode } from './episode.ts';
import { CostModel } from './cost-model.ts';
import { schemeTable } from './transition-schemes.ts';

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const schemes = fc.constantFrom('nat' as const, 'nat++' as const);
const runs = { numRuns: 400 };

/** Any skeleton, and where it takes options any of them at a small size. */
const placed = fc.record({
  seed: seeds,
  network: fc.constantFrom('evaluation' as const, 'imagenet' as const, 'supernet' as const),
  channels: fc.integer({ min: 2, max: 9 }),
  layers: fc.integer({ min: 1, max: 9 }),
  imageSize: fc.constantFrom(32, 16, 64),
});
type Placed = typeof placed extends fc.Arbitrary<infer T> ? T : never;

/** 2x2 pools need even sizes, which small images lose after two reductions. */
function draw({ seed, network, channels, layers, imageSize }: Placed): { readonly architecture: Architecture; readonly options: PlacementOptions } {
  const architecture = randomArchitecture(RandomStream.of(seed));
  if (architecture.skeleton.kind === 'nasbench201') return { architecture, options: { channels, layers, imageSize } };
  return { architecture, options: { network, channels, layers, imageSize: network === 'imagenet' ? 128 : imageSize } };
}

/** A result by random allowed actions. */
function act(space: ActionSpace, stream: RandomStream, sequence = new Episode(space)): Int16Array {
  while (!sequence.done) {
    const allowed = sequence.legalActions();
    const positions = allowed.flatMap((isLegal, position) => (isLegal === 1 ? [position] : []));
    sequence.step(positions[stream.integer(positions.length)]!);
  }
  return sequence.operations;
}

/** True where the network's output depends on its image: a walk over placed edges that are not null. */
function seesImage(architecture: Architecture, options: PlacementOptions): boolean {
  const { blocks } = lower(architecture, options);
  const carries: boolean[] = [];
  for (const { cell: index, reads } of blocks) {
    const input = (read: number): boolean => read < 0 || carries[read]!;
    if (index === undefined) {
      carries.push(input(reads[0]!));
      continue;
    }
    const cell = architecture.cells[index]!;
    const live = Array.from({ length: cell.nodes }, (_, node) => node < cell.inputs && input(reads[node]!));
    for (const { from, to, operation } of [...cell.edges].sort((a, b) => a.to - b.to)) if (operation.name !== 'null' && live[from]!) live[to] = true;
    carries.push(outputNodes(cell).some((node) => live[node]!));
  }
  return carries.at(-1)!;
}

describe('random architectures', () => {
  it('are well formed', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(findViolations(randomArchitecture(RandomStream.of(seed)))).toEqual([]);
        for (const space of OFFICIAL_SPACES) expect(findViolations(randomOfficialArchitecture(space, RandomStream.of(seed)))).toEqual([]);
      }),
      runs,
    );
  });

  it('of the official kind are uniform, draw a node twice, and never null', () => {
    const stream = RandomStream.of(1);
    const space = OFFICIAL_SPACES[0]!;
    const counts = new Map<string, number>();
    let doubled = 0;
    const draws = 3000;
    for (let at = 0; at < draws; at++) {
      const [normal] = randomOfficialArchitecture(space, stream).cells;
      expect(normal!.edges.map(({ to }) => to)).toEqual([2, 2, 3, 3, 4, 4, 5, 5]);
      for (const { operation } of normal!.edges) counts.set(operation.name, (counts.get(operation.name) ?? 0) + 1);
      if (normal!.edges[0]!.from === normal!.edges[1]!.from) doubled++;
    }
    expect(counts.has('null')).toBe(false);
    expect(counts.size).toBe(8);
    for (const count of counts.values()) expect(count / (draws * 8)).toBeCloseTo(1 / 8, 1);
    expect(doubled / draws).toBeCloseTo(0.5, 1);
  });

  it('survive every format', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const architecture = randomArchitecture(RandomStream.of(seed));
        expect(readJson(writeJson(architecture))).toEqual(architecture);
        if (architecture.skeleton.kind !== 'repeated') return;
        const read = readGenotype(writeGenotype(architecture));
        expect(writeGenotype(read)).toBe(writeGenotype(architecture));
        expect(read.cells.map(({ edges }) => edges)).toEqual(architecture.cells.map(({ edges }) => edges));
        expect(architectureIdentity(read)).toBe(architectureIdentity(architecture));
      }),
      runs,
    );
  });
});

describe('pricing', () => {
  it('equals the cost of the placed network, for the source and for any operations', () => {
    fc.assert(
      fc.property(placed, (each) => {
        const { architecture, options } = draw(each);
        const pricer = new CostModel(options);
        const priced = pricer.price(architecture);
        expect(priced.cost).toEqual(architectureCost(architecture, options));
        edgeCosts(architecture, options).forEach((costs, cell) => {
          costs.forEach((cost, edge) => {
            const flat = priced.offsets[cell]! + edge;
            if (priced.operations[flat]! >= 0) expect(priced.edgeCost(flat, priced.operations[flat]!)).toEqual(cost);
          });
        });
        for (const mode of ['official', 'cost-masked'] as const) {
          const operations = act(new ActionSpace(priced, schemeTable('nat++'), { mode, placement: options }), RandomStream.of(each.seed, mode));
          const result = applyOperations(architecture, operations);
          expect(findViolations(result)).toEqual([]);
          expect(priced.costOf(operations)).toEqual(architectureCost(result, options));
          // A pricer keeps tables between architectures: priced anew, the result costs the same.
          expect(pricer.price(result).cost).toEqual(priced.costOf(operations));
        }
      }),
      runs,
    );
  });
});

describe('cost-masked schemes', () => {
  it('never give a result that costs more than its source in parameters, MACs or peak memory', () => {
    fc.assert(
      fc.property(placed, schemes, seeds, (each, scheme, actions) => {
        const { architecture, options } = draw(each);
        const priced = new CostModel(options).price(architecture);
        const operations = act(new ActionSpace(priced, schemeTable(scheme), { placement: options }), RandomStream.of(actions));
        const result = architectureCost(applyOperations(architecture, operations), options);
        expect(result.params).toBeLessThanOrEqual(priced.cost.params);
        expect(result.macs).toBeLessThanOrEqual(priced.cost.macs);
        expect(result.peakActivationBytes).toBeLessThanOrEqual(priced.cost.peakActivationBytes);
        const certificate = certify(priced, operations);
        expect(certificate).toMatchObject({ holds: true, source: priced.cost, result });
        expect(certificate.edges.reduce((sum, { saved }) => sum + saved.params, 0)).toBe(priced.cost.params - result.params);
        expect(certificate.edges.reduce((sum, { saved }) => sum + saved.macs, 0)).toBe(priced.cost.macs - result.macs);
      }),
      { numRuns: 1500 },
    );
  });

  it('always allow keeping, and keep every network looking at its image', () => {
    fc.assert(
      fc.property(placed, schemes, seeds, (each, scheme, actions) => {
        const { architecture, options } = draw(each);
        const space = new ActionSpace(new CostModel(options).price(architecture), schemeTable(scheme), { placement: options });
        const stream = RandomStream.of(actions);
        const sequence = new Episode(space);
        while (!sequence.done) {
          const allowed = sequence.legalActions();
          const row = space.row(sequence.at);
          const keep = space.scheme.keep[space.priced.operations[space.edges[sequence.at]!]!]!;
          expect(allowed[keep]).toBe(1);
          // Null wherever allowed, so that the guard is what keeps paths.
          const cut = row.findIndex((target, position) => target === primitiveIndex('null') && allowed[position] === 1);
          sequence.step(cut >= 0 && stream.integer(4) > 0 ? cut : keep);
        }
        if (seesImage(architecture, options)) expect(seesImage(applyOperations(architecture, sequence.operations), options)).toBe(true);
      }),
      { numRuns: 1500 },
    );
  });

  it('never do by luck what official mode does not: there results may cost more', () => {
    const source = readGenotype(
      "Genotype(normal=[('skip_connect', 0, 2)], normal_concat=[2], reduce=[('null', 0, 2), ('skip_connect', 1, 2)], reduce_concat=[2])",
    );
    const priced = new CostModel({ channels: 4, layers: 3 }).price(source);
    const operations = Int16Array.from(priced.operations);
    operations[1] = primitiveIndex('skip_connect');
    const certificate = certify(priced, operations);
    expect(certificate.holds).toBe(false);
    expect(certificate.edges[0]!.saved.params).toBeLessThan(0);
    const masked = new ActionSpace(priced, schemeTable('nat'));
    expect(masked.targets(1)).toEqual(['null']);
    expect(new ActionSpace(priced, schemeTable('nat'), { mode: 'official' }).targets(1)).toEqual(['null', 'null', 'skip_connect']);
  });
});

describe('edits', () => {
  it('lead to the same result as the operations they come from', () => {
    fc.assert(
      fc.property(placed, seeds, (each, actions) => {
        const { architecture, options } = draw(each);
        const priced = new CostModel(options).price(architecture);
        const operations = act(new ActionSpace(priced, schemeTable('nat++'), { placement: options }), RandomStream.of(actions));
        const before = JSON.stringify(architecture);
        const result = applyOperations(architecture, operations);
        expect(applyEdits(architecture, editsTo(architecture, operations))).toEqual(result);
        expect(JSON.stringify(architecture)).toBe(before);
        result.cells.forEach((cell, index) => {
          const source = architecture.cells[index]!;
          expect(cell.edges.map(({ from, to }) => [from, to])).toEqual(source.edges.map(({ from, to }) => [from, to]));
        });
      }),
      runs,
    );
  });
});

describe('cellGuards', () => {
  it('name the inputs that carry something where the source has dead cells', () => {
    const dead = "('null', 0, 2), ('null', 1, 2)";
    const source = readGenotype(`Genotype(normal=[${dead}], normal_concat=[2], reduce=[('skip_connect', 0, 2), ('conv_3x3', 1, 2)], reduce_concat=[2])`);
    const places = lower(source, { layers: 3 }).blocks.map(({ cell = -1, reads }) => ({ cell, reads }));
    // normal, reduce (stem, normal), reduce (normal, reduce): the first sees the image through input 0, the second through input 1.
    expect(cellGuards(source, () => places)).toEqual([
      { kind: 'none', anchors: [] },
      { kind: 'each', anchors: [0, 1] },
    ]);
  });
});
