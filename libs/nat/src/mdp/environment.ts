/**
 * Architecture optimisation as a Markov decision process (section 3.2 of the NAT paper):
 *
 *     state       an architecture, of which some edges are decided
 *     action      what the next edge becomes: a position in its row of the transition scheme        action-space.ts
 *     transition  the edge is replaced; the next one is to be decided                                episode.ts
 *     reward      R(b | a) = accuracy of the result b - accuracy of the source a, once all are       search/round.ts
 *
 * What is legal depends on the edges decided so far: results stay connected. `decode/decoder.ts` finds the results that a policy likes best within a
 * budget (section 3.1: c(b) <= k).
 */
import { primitiveAt, type Architecture, type PlacementOptions, type PrimitiveName, type SchemeName, sidesOf } from '@nat/cells';
import { ActionSpace } from './action-space.ts';
import { CostModel, type CostedArchitecture } from './cost-model.ts';
import { schemeTable, type SchemeTable } from './transition-schemes.ts';
import type { MaskMode } from './mask-mode.ts';
import { PlacementContext } from './placement-context.ts';

export interface EnvironmentOptions {
  readonly scheme: SchemeName;
  readonly mode: MaskMode;
  /** Which network the costs are those of. */
  readonly placement?: PlacementOptions;
  /** The operations that an edge may become, beside its own. @default all that the scheme has */
  readonly operations?: readonly PrimitiveName[];
}

/**
 * One architecture to decide about. Immutable; make it once and draw from it as often as needed.
 *
 * A decision is an editable edge, in presented order; an action is a position in its row of the scheme (`nat`: null, same,
 * skip); a candidate is a decision with one of the actions its masks allow at all.
 */
export class Environment {
  readonly architecture: Architecture;
  readonly scheme: SchemeName;
  readonly mode: MaskMode;
  /** The decisions, their rows and static masks. */
  readonly space: ActionSpace;
  /** First candidate of each decision, then the number of candidates. [decisions + 1] */
  readonly candidateStart: Int32Array;
  /** The action of each candidate, rising within a decision. [candidates] */
  readonly candidateAction: Uint16Array;
  /** Where cells and edges stand in the network. */
  readonly context: PlacementContext;

  /** Made by `createEnvironment`. */
  constructor(priced: CostedArchitecture, table: SchemeTable, options: EnvironmentOptions, context: PlacementContext) {
    const { scheme, mode, placement, operations } = options;
    this.architecture = priced.architecture;
    this.scheme = scheme;
    this.mode = mode;
    this.space = new ActionSpace(priced, table, {
      mode,
      ...(placement === undefined ? {} : { placement }),
      ...(operations === undefined ? {} : { operations }),
    });
    this.context = context;
    const { legal } = this.space;
    this.candidateStart = new Int32Array(legal.length + 1);
    const actions: number[] = [];
    legal.forEach((positions, d) => {
      for (let action = 0; action < positions.length; action++) if (positions[action] === 1) actions.push(action);
      this.candidateStart[d + 1] = actions.length;
    });
    this.candidateAction = Uint16Array.from(actions);
  }

  /** Editable edges. */
  get decisions(): number {
    return this.space.edges.length;
  }

  /** Cell and edge of a decision, as positions in the submitted form. */
  edgeOf(decision: number): { readonly cell: number; readonly edge: number } {
    const { offsets } = this.space.priced;
    const flat = this.space.edges[decision]!;
    let cell = 0;
    while (flat >= offsets[cell + 1]!) cell++;
    return { cell, edge: flat - offsets[cell]! };
  }

  /** The operation that an action puts on a decision's edge. */
  target(decision: number, action: number): PrimitiveName {
    return primitiveAt(this.space.row(decision)[action]!);
  }
}

/** Prepares many architectures under the same options; keeps the cost tables they share. */
export class EnvironmentFactory {
  readonly #options: EnvironmentOptions;
  readonly #pricer: CostModel;
  readonly #table: SchemeTable;
  readonly #context: PlacementContext;

  constructor(options: EnvironmentOptions) {
    this.#options = options;
    this.#pricer = new CostModel(options.placement);
    this.#table = schemeTable(options.scheme);
    this.#context = new PlacementContext(options.placement ?? {});
  }

  /**
   * Of a well-formed architecture (`validateArchitecture`).
   * @throws DomainError INVALID_ARGUMENT for placement options out of range, or operations that cannot stand where they are
   */
  prepare(architecture: Architecture): Environment {
    return new Environment(this.#pricer.price(architecture), this.#table, this.#options, this.#context);
  }
}

/** Preparers by their options: what they keep depends on nothing else. */
const preparers = new Map<string, EnvironmentFactory>();
const MAX_PREPARERS = 64;

/** As `EnvironmentFactory.prepare`, with a preparer kept for the options. */
export function createEnvironment(architecture: Architecture, options: EnvironmentOptions): Environment {
  const { network, channels, layers, imageSize, classes, supernetOutput } = options.placement ?? {};
  const operations = options.operations?.join(' ');
  const size = imageSize === undefined ? '' : Object.values(sidesOf(imageSize)).join('x');
  const key = [options.scheme, options.mode, operations, network, channels, layers, size, classes, supernetOutput].join();
  let preparer = preparers.get(key);
  if (preparer === undefined) {
    if (preparers.size >= MAX_PREPARERS) preparers.clear();
    preparer = new EnvironmentFactory(options);
    preparers.set(key, preparer);
  }
  return preparer.prepare(architecture);
}
