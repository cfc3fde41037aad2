/**
 * What a policy makes of an architecture within a budget: the likeliest of all allowed results, and samples among them.
 *
 * The policy gives every candidate of every edge a probability q; that of a result is the product over its edges. Allowed are results
 *
 *     that cost no more than their source, nor than the budget, in parameters, MACs and peak activations (section 3.1: c(b) <= k),
 *     whose cells still depend on every input that they depended on,
 *     without dead operations: what an edit leaves without input or without reader becomes `null` itself,
 *     by the total cost, without edits that save nothing, except of operations that an edit which saves something leaves dead.
 *
 * With masks of cost no edit adds any, as searches learn; what saves nothing is allowed then, for a policy may have learned that it helps. In official
 * mode every entry of the official tables is allowed, within the budget.
 */
import { DomainError } from '@nat/base/errors';
import type { RandomStream } from '@nat/base/random';
import { primitiveIndex } from '@nat/cells';
import type { Cost } from '@nat/graph';
import { checkBudget, unreachable, type Budget } from '../mdp/budget.ts';
import type { Environment } from '../mdp/environment.ts';
import { latticeOf, liveNodes, NOTHING, type CellRules, type EdgeChoices, type Lattice } from './lattice.ts';
import { bindingMeasures, keeps, leastOf, likeliestPath, sumOf, tilted } from './likeliest.ts';
import { findMultipliers, type BoundedMeasure } from './multipliers.ts';
import { PathSampler } from './paths.ts';

const NULL = primitiveIndex('null');

/** One decision an edge. */
export interface DecodedResult {
  /** One a decision: position in its row of the scheme. */
  readonly actions: Uint8Array;
  /** A primitive index on every edge, cell after cell. */
  readonly operations: Int16Array;
}

export interface LikeliestResult extends DecodedResult {
  /** Whether no allowed result is likelier: false only where architectures are so large that some were left out. */
  readonly optimal: boolean;
}

/** Paths tried for a sample before it is given up. */
const TRIES = 1000;

/** All allowed results of an environment within a budget. Linear in its edges to make, for cells of any shape that is in use. */
export class Decoder {
  readonly #environment: Environment;
  readonly #lattice: Lattice;
  /** [arcs] */
  readonly #scores: Float64Array;
  readonly #measures: readonly BoundedMeasure[];

  /**
   * @param logProbabilities of every candidate of the environment. [candidates]
   * @throws DomainError FAILED_PRECONDITION, reason BUDGET_UNREACHABLE, with the least that a result can cost; INVALID_ARGUMENT for a bad budget
   */
  constructor(environment: Environment, logProbabilities: Float64Array, budget: Budget = {}) {
    checkBudget(budget);
    this.#environment = environment;
    const candidates = candidatesOf(environment);
    const most = bounds(environment, budget);
    const within = (peak: number): Lattice | undefined =>
      peak < environment.space.priced.fixedCost.peakActivationBytes
        ? undefined
        : latticeOf(cellRules(environment, candidates, peak), {
            score: (candidate) => logProbabilities[candidate]!,
            macs: (candidate) => candidates.macs[candidate]!,
          });
    const lattice = within(most.peak);
    if (lattice === undefined) throw unreachable(budget, attainable(environment, candidates, within));
    this.#lattice = lattice;
    const along = (values: Float64Array): Float64Array => alongArcs(lattice, values);
    this.#scores = along(logProbabilities);
    this.#measures = [
      { costs: along(candidates.params), most: most.params },
      { costs: along(candidates.macs), most: most.macs },
    ];
    if (this.#measures.some(({ costs, most: bound }) => leastOf(lattice, costs) > bound))
      throw unreachable(budget, attainable(environment, candidates, within));
  }

  /** @throws DomainError FAILED_PRECONDITION, reason BUDGET_UNREACHABLE, where both bounds cannot be kept at once */
  likeliest(): LikeliestResult {
    const found = likeliestPath(this.#lattice, this.#scores, this.#measures);
    if (found === undefined) throw new DomainError('FAILED_PRECONDITION', 'no allowed result keeps all bounds at once', { reason: 'BUDGET_UNREACHABLE' });
    return { ...this.#resultOf(found.arcs), optimal: found.optimal && this.#lattice.complete };
  }

  /**
   * A sampler of the policy conditioned on what is allowed. Paths are drawn from q tilted by exp(-m . cost), with multipliers m at which their mean cost
   * keeps the bounds B, and accepted with probability exp(m . (cost - B)) where they keep them: what is accepted is distributed as q is among allowed
   * results, however few they are.
   */
  sampler(): (stream: RandomStream) => DecodedResult | undefined {
    const measures = bindingMeasures(this.#lattice, this.#measures);
    const at = (multipliers: readonly number[]): PathSampler => new PathSampler(this.#lattice, tilted(this.#scores, measures, multipliers));
    const multipliers = findMultipliers(measures, (each) => {
      const paths = at(each);
      return measures.map(({ costs }) => paths.mean(costs));
    });
    const paths = at(multipliers);
    return (stream) => {
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const path = paths.draw(stream);
        if (!keeps(path, measures)) continue;
        const slack = measures.reduce((sum, { costs, most }, m) => sum + multipliers[m]! * (most - sumOf(path, costs)), 0);
        if (stream.uniform() < Math.exp(-slack)) return this.#resultOf(path);
      }
      return undefined;
    };
  }

  #resultOf(path: readonly number[]): DecodedResult {
    const { space, candidateStart, candidateAction, decisions } = this.#environment;
    const chosen = new Int32Array(decisions);
    for (const arc of path) {
      const candidate = this.#lattice.candidate[arc]!;
      if (candidate !== NOTHING) chosen[decisionOf(candidateStart, candidate)] = candidate;
    }
    const actions = Uint8Array.from(chosen, (candidate) => candidateAction[candidate]!);
    const operations = space.priced.operations.slice();
    actions.forEach((action, d) => {
      operations[space.edges[d]!] = space.row(d)[action]!;
    });
    return { actions, operations };
  }
}

/** What is known of every candidate. [candidates] each */
interface Candidates {
  readonly target: Int32Array;
  readonly params: Float64Array;
  readonly macs: Float64Array;
  readonly peak: Float64Array;
}

function candidatesOf({ space, candidateStart, candidateAction, decisions }: Environment): Candidates {
  const count = candidateStart[decisions]!;
  const all = { target: new Int32Array(count), params: new Float64Array(count), macs: new Float64Array(count), peak: new Float64Array(count) };
  for (let d = 0; d < decisions; d++) {
    const flat = space.edges[d]!;
    for (let candidate = candidateStart[d]!; candidate < candidateStart[d + 1]!; candidate++) {
      const target = space.row(d)[candidateAction[candidate]!]!;
      const { params, macs } = space.priced.edgeCost(flat, target);
      all.target[candidate] = target;
      all.params[candidate] = params;
      all.macs[candidate] = macs;
      all.peak[candidate] = space.priced.peakBytes(flat, target);
    }
  }
  return all;
}

/** The most that editable edges may come to in parameters and MACs, and that any may hold. */
function bounds({ space }: Environment, budget: Budget): { readonly params: number; readonly macs: number; readonly peak: number } {
  const { priced, mode } = space;
  const own = mode === 'official' ? { params: Infinity, macs: Infinity, peakActivationBytes: Infinity } : priced.addedCost;
  const fixed = priced.fixedCost;
  return {
    params: Math.min(own.params, budget.maxParams ?? Infinity) - fixed.params,
    macs: Math.min(own.macs, budget.maxMacs ?? Infinity) - fixed.macs,
    peak: Math.min(own.peakActivationBytes, budget.maxPeakActivationBytes ?? Infinity),
  };
}

/** @param peak the most bytes that may be held while an edge runs */
function cellRules(environment: Environment, candidates: Candidates, peak: number): readonly CellRules[] {
  const { architecture, space, candidateStart } = environment;
  const decisions = new Map([...space.edges].map((flat, d) => [flat, d]));
  return architecture.cells.map((cell, index): CellRules => {
    const choices = cell.edges.map((_, edge): EdgeChoices => {
      const d = decisions.get(space.priced.offsets[index]! + edge);
      if (d === undefined) return { live: [NOTHING], cut: [], dead: [NOTHING], removable: false, saves: false };
      const all = Array.from({ length: candidateStart[d + 1]! - candidateStart[d]! }, (_, k) => candidateStart[d]! + k);
      return edgeChoices(
        environment,
        d,
        candidates,
        all.filter((candidate) => candidates.peak[candidate]! <= peak),
      );
    });
    const live = liveNodes(cell);
    const connected = [...cell.edges].filter(({ from, to, operation }) => from < cell.inputs && operation.name !== 'null' && live[to] === 1);
    const inputs = [...new Set(connected.map(({ from }) => from))].sort((a, b) => a - b);
    return { cell, inputs, choices, rule: space.mode === 'official' ? 'free' : 'live', mustSave: space.mode === 'total-cost' };
  });
}

function edgeChoices({ space }: Environment, d: number, { target, params, macs }: Candidates, candidates: readonly number[]): EdgeChoices {
  const flat = space.edges[d]!;
  const source = space.priced.operations[flat]!;
  const before = space.priced.edgeCost(flat, source);
  const saves = (candidate: number): boolean =>
    space.mode !== 'total-cost' || target[candidate] === source || params[candidate] !== before.params || macs[candidate] !== before.macs;
  const nulls = candidates.filter((candidate) => target[candidate] === NULL);
  const kept = candidates.filter((candidate) => target[candidate] === source);
  return {
    live: candidates.filter((candidate) => target[candidate] !== NULL && saves(candidate)),
    cut: nulls.filter(saves),
    dead: nulls.length > 0 ? nulls : kept,
    removable: nulls.length > 0,
    saves: source !== NULL && (before.params !== 0 || before.macs !== 0),
  };
}

function decisionOf(candidateStart: Int32Array, candidate: number): number {
  let [low, high] = [0, candidateStart.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (candidateStart[middle]! <= candidate) low = middle;
    else high = middle;
  }
  return low;
}

/** Values of candidates, by the arcs that decide them. [arcs] */
function alongArcs({ candidate }: Lattice, values: Float64Array): Float64Array {
  return Float64Array.from(candidate, (decided) => (decided === NOTHING ? 0 : values[decided]!));
}

/** The least that a result costs, each measure by itself. @param within the lattice of results of at most a peak */
function attainable({ space }: Environment, { params, macs, peak }: Candidates, within: (peak: number) => Lattice | undefined): Cost {
  const lattice = within(Infinity)!;
  const least = (values: Float64Array): number => leastOf(lattice, alongArcs(lattice, values));
  const fixed = space.priced.fixedCost;
  // A peak is that of one edge, or of what no edge changes.
  const peaks = [...new Set([...peak, fixed.peakActivationBytes])].filter((bytes) => bytes >= fixed.peakActivationBytes).sort((a, b) => a - b);
  let [low, high] = [0, peaks.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (within(peaks[middle]!) === undefined) low = middle + 1;
    else high = middle;
  }
  return { params: fixed.params + least(params), macs: fixed.macs + least(macs), peakActivationBytes: peaks[low]! };
}
