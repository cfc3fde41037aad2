/** What architectures cost, counted on the graphs that they are lowered to: see `profile` for the definition. */
import { profile, type Cost, type ModuleProfile } from '@nat/graph';
import type { Architecture, PlacementOptions } from '../cell/types.ts';
import { lower } from '../lower/lower.ts';
import type { LoweredArchitecture } from '../lower/lowering.ts';
import type { OperationCost } from '../primitives/operations.ts';

/** The cost of a network. In a supernet, the active cost: what the operations on its edges use. */
export function networkCost({ graph, types }: Pick<LoweredArchitecture, 'graph' | 'types'>): Cost {
  const { params, macs, peakActivationBytes } = profile(graph, types);
  return { params, macs, peakActivationBytes };
}

/** The cost of an architecture placed into a network. @throws DomainError as `lower` */
export function architectureCost(architecture: Architecture, options: PlacementOptions = {}): Cost {
  return networkCost(lower(architecture, options));
}

/** Parameters and MACs of each edge, `[cell][edge]`, summed over the places the cell stands at. Equal operations are counted apart. */
export function edgeCosts(architecture: Architecture, options: PlacementOptions = {}): readonly (readonly OperationCost[])[] {
  const lowered = lower(architecture, options);
  const modules = modulesByFirstNode(profile(lowered.graph, lowered.types).modules);
  const sums = architecture.cells.map((cell) => cell.edges.map(() => ({ params: 0, macs: 0 })));
  for (const { cell, edge, region } of lowered.edges) {
    const { params, macs } = modules.get(region.nodes[0])!;
    sums[cell]![edge]!.params += params;
    sums[cell]![edge]!.macs += macs;
  }
  return sums;
}

/** The profile of the module that begins with a node: every edge is one. */
export function modulesByFirstNode(modules: readonly ModuleProfile[]): ReadonlyMap<number, ModuleProfile> {
  return new Map(modules.map((module) => [module.nodes[0], module]));
}

/** Parameters and MACs of the auxiliary head, or undefined where the network has none. */
export function auxiliaryCost(architecture: Architecture, options: PlacementOptions = {}): OperationCost | undefined {
  const withHead = lower(architecture, options, { auxiliary: true });
  if (!withHead.hasAuxiliary) return undefined;
  const [all, without] = [networkCost(withHead), architectureCost(architecture, options)];
  return { params: all.params - without.params, macs: all.macs - without.macs };
}
