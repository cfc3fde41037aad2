import type { GraphOutput, Region, Site } from '@nat/graph';
import type { Architecture, PlacementOptions } from '../cell/types.ts';
import { lowerExplicit } from '../skeletons/explicit.ts';
import { lowerNasBench201 } from '../skeletons/nasbench201.ts';
import { checkExtent, resolvePlacement, type ResolvedPlacement } from '../skeletons/placement.ts';
import { hasAuxiliaryHead, lowerRepeated } from '../skeletons/repeated.ts';
import { Lowering, type LowerOptions, type LoweredArchitecture, type PlacedEdge } from './lowering.ts';

/**
 * The graph of a well-formed architecture (see `validateArchitecture`), placed into a network.
 * @throws DomainError INVALID_ARGUMENT for options out of range, and for operations that cannot stand where they are
 */
export function lower(architecture: Architecture, options: PlacementOptions = {}, extra: LowerOptions = {}): LoweredArchitecture {
  const placement = resolvePlacement(architecture.skeleton, options);
  checkExtent(architecture, placement);
  const hasAuxiliary = hasAuxiliaryHead(placement);
  const lowering = new Lowering({ image: { channels: 3, height: placement.height, width: placement.width } });
  const outputs = lowerSkeleton(lowering, architecture, placement, hasAuxiliary ? extra : { ...extra, auxiliary: false });
  return {
    graph: lowering.builder.finish(outputs),
    types: lowering.builder.types,
    sites: sitesOf(architecture, lowering.edges),
    written: architecture,
    placement,
    blocks: lowering.blocks,
    edges: lowering.edges,
    norm: placement.network === 'supernet' ? 'plain' : 'affine',
    hasAuxiliary,
  };
}

function lowerSkeleton(lowering: Lowering, { cells, skeleton }: Architecture, placement: ResolvedPlacement, options: LowerOptions): readonly GraphOutput[] {
  switch (skeleton.kind) {
    case 'repeated':
      return lowerRepeated(lowering, cells, placement, options);
    case 'nasbench201':
      return lowerNasBench201(lowering, cells, placement);
    case 'explicit':
      return lowerExplicit(lowering, cells, skeleton);
  }
}

/** One site an editable edge, with a region at every place of its cell. */
function sitesOf({ cells }: Architecture, edges: readonly PlacedEdge[]): readonly Site[] {
  const regions: Region[][][] = cells.map((cell) => cell.edges.map(() => []));
  for (const { cell, edge, region } of edges) regions[cell]![edge]!.push(region);
  return cells.flatMap((cell, cellIndex) =>
    cell.edges.flatMap(({ operation }, edge): Site[] =>
      operation.kind === 'fixed' ? [] : [{ name: `${cell.name}.${edge}`, regions: regions[cellIndex]![edge]!, current: { operation: operation.name } }],
    ),
  );
}
