import { RandomStream } from '@nat/base/random';
import { checkRegion, hashGraph, infer, profile, rewrite, type Graph, type GraphBuilder, type Value } from '@nat/graph';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomArchitecture } from '../cell/generate.ts';
import { replaceOperation } from '../cell/operation.ts';
import { applyEdits } from '../cell/transform.ts';
import type { Architecture, EdgeEdit, PlacementOptions } from '../cell/types.ts';
import { findViolations } from '../cell/validate.ts';
import { ModuleBuilder } from '../primitives/module-builder.ts';
import { PRIMITIVES, PRIMITIVE_NAMES, type PrimitiveName } from '../primitives/primitives.ts';
import { listZoo } from '../zoo/zoo.ts';
import { lower } from './lower.ts';
import type { LoweredArchitecture, PlacedEdge } from './lowering.ts';

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const SMALL = { channels: 4, layers: 3, imageSize: 8 } as const;

/** Random edits of which every one can stand where its edge is. */
function randomEdits(architecture: Architecture, options: PlacementOptions, stream: RandomStream): readonly EdgeEdit[] {
  return architecture.cells.flatMap((cell, cellIndex) =>
    cell.edges.flatMap(({ operation }, edge): EdgeEdit[] => {
      if (operation.kind === 'fixed' || stream.integer(2) === 0) return [];
      const after = PRIMITIVE_NAMES[stream.integer(PRIMITIVE_NAMES.length)]!;
      const edit = { cell: cellIndex, edge, before: operation.name, after };
      const edited = applyEdits(architecture, [edit]);
      return after === operation.name || findViolations(edited).length > 0 || !canBePlaced(edited, options) ? [] : [edit];
    }),
  );
}

function canBePlaced(architecture: Architecture, options: PlacementOptions): boolean {
  try {
    lower(architecture, options);
    return true;
  } catch {
    return false;
  }
}

/** The lowered source with the regions of the edited sites rewritten. */
function rewritten(source: LoweredArchitecture, edits: readonly EdgeEdit[]): ReturnType<typeof rewrite> {
  const { graph, edges, written, norm, placement } = source;
  const supernet = placement.network === 'supernet';
  return rewrite(
    graph,
    edits.flatMap(({ cell, edge, after }) =>
      edges
        .filter((each) => each.cell === cell && each.edge === edge)
        .map((placed) => ({ region: placed.region, emit: emitter(placed, written, after, { affine: norm === 'affine', poolNorm: supernet }, graph, source) })),
    ),
  );
}

function emitter(
  { cell, edge, block, operation, stride, region }: PlacedEdge,
  { cells }: Architecture,
  after: PrimitiveName,
  norms: { readonly affine: boolean; readonly poolNorm: boolean },
  { nodes }: Graph,
  { types }: LoweredArchitecture,
): (builder: GraphBuilder, from: Value) => Value {
  if (operation.kind === 'fixed') throw new TypeError('fixed operations are not edited');
  const { from: source, to: target } = cells[cell]!.edges[edge]!;
  const { module } = nodes[region.nodes[0]]!;
  // Edges of a complete cell of two inputs, by the node they enter.
  const keys = norms.poolNorm ? `cells.${block}._ops.${((target - 2) * (target + 1)) / 2 + source}._ops.${after}` : module;
  const { activation = 'relu' } = replaceOperation(operation, after);
  return (builder, from) =>
    PRIMITIVES[after].emit(new ModuleBuilder(builder, { module, keys }), { from, type: types[region.to]!, stride, activation, ...norms });
}

describe('a site rewritten', () => {
  const expectSameAsLowered = (architecture: Architecture, options: PlacementOptions, stream: RandomStream): number => {
    const source = lower(architecture, options);
    const edits = randomEdits(architecture, options, stream);
    const { graph, regions, values } = rewritten(source, edits);
    const lowered = lower(applyEdits(architecture, edits), options);
    expect(graph).toEqual(lowered.graph);
    expect(infer(graph)).toEqual(lowered.types);
    expect(profile(graph)).toEqual(profile(lowered.graph));
    expect(hashGraph(graph)).toBe(hashGraph(lowered.graph));
    // The regions that came in stand where the lowering has them, and what was left alone is found again.
    const placed = edits.flatMap(({ cell, edge }) => lowered.edges.filter((each) => each.cell === cell && each.edge === edge).map(({ region }) => region));
    expect(regions).toEqual(placed);
    source.edges.forEach(({ region }, at) => {
      expect(values[region.to]).toBe(lowered.edges[at]!.region.to);
    });
    return edits.length;
  };

  it('is the graph that the edited architecture is lowered to: names, weights and cost', () => {
    let edits = 0;
    fc.assert(
      fc.property(seeds, (seed) => {
        const stream = RandomStream.of(seed);
        edits += expectSameAsLowered(randomArchitecture(stream), SMALL, stream);
      }),
      { numRuns: 30 },
    );
    expect(edits).toBeGreaterThan(30);
  });

  it('is that in a supernet too, where operations share weights', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const stream = RandomStream.of(seed);
        expectSameAsLowered(randomArchitecture(stream, { skeleton: 'repeated' }), { ...SMALL, network: 'supernet' }, stream);
      }),
      { numRuns: 10 },
    );
  });

  it('may not give another type, nor overlap another', () => {
    const { graph, sites } = lower(
      listZoo()
        .find(({ name }) => name === 'resnet20')!
        .architecture(),
    );
    const [region] = sites[0]!.regions;
    const wider = {
      region: region!,
      emit: (builder: GraphBuilder, from: Value): Value => builder.node('pad', 'wide', { before: [0, 1, 0, 0], after: [0, 0, 0, 0] }, [from]),
    };
    expect(() => rewrite(graph, [wider])).toThrow(/gave \[N, 16, 32, 32\], what replaces it \[N, 17, 32, 32\]/);
    const skip = (name: string) => ({ region: region!, emit: (builder: GraphBuilder, from: Value): Value => builder.node('identity', name, {}, [from]) });
    expect(() => rewrite(graph, [skip('one'), skip('two')])).toThrow(/overlap/);
  });
});

describe('every region of every site', () => {
  it.each(listZoo().map(({ name, architecture }) => ({ name, architecture })))('$name', ({ architecture }) => {
    const options = [{}, ...(architecture().skeleton.kind === 'repeated' ? ([{ network: 'supernet' }, { network: 'imagenet' }] as const) : [])];
    for (const placement of options) {
      const { graph, sites } = lower(architecture(), placement);
      expect(sites.length).toBeGreaterThan(0);
      for (const { regions } of sites) {
        expect(regions.length).toBeGreaterThan(0);
        for (const region of regions) checkRegion(graph, region);
      }
    }
  });
});
