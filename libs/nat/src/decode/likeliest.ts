/**
 * The likeliest path of a lattice that keeps every bound: a longest path with resources, solved exactly.
 *
 * With multipliers m >= 0 of the bounds B, no path that keeps them comes to more than  L(m) = max over paths of (score - m . cost) + m . B,  and so
 * does no rest of a path from a state on. A label (a way to a state, with its score and costs) is dropped where another one at the state is at least as
 * likely and as cheap, or where even the best rest by that bound stays below a path that is known. What is left at the end is the optimum.
 */
import type { Lattice } from './lattice.ts';
import { findMultipliers, type BoundedMeasure } from './multipliers.ts';
import { bestPath, bestPaths, bestRests } from './paths.ts';

export interface LikeliestPath {
  /** In order. */
  readonly arcs: readonly number[];
  /** Whether no path that keeps the bounds is likelier: false only where labels had to be left out to bound the time. */
  readonly optimal: boolean;
}

/** Labels kept over a whole lattice, and at one state where they are too many. */
const MAX_LABELS = 2_000_000;
const THINNED_LABELS = 512;
/** Rounding of sums of log-probabilities, relative. */
const ROUNDING = 1e-9;

/** Undefined where no path keeps the bounds. @param scores [arcs] */
export function likeliestPath(lattice: Lattice, scores: Float64Array, bounded: readonly BoundedMeasure[]): LikeliestPath | undefined {
  const free = bestPath(lattice, bestPaths(lattice, scores));
  const measures = bindingMeasures(lattice, bounded);
  if (keeps(free, measures)) return { arcs: free, optimal: true };
  const leasts = measures.map(({ costs }) => bestRests(lattice, negated(costs)).map((rest) => -rest));
  if (measures.some(({ most }, at) => leasts[at]![0]! > most)) return undefined;

  let known: readonly number[] | undefined;
  let knownScore = -Infinity;
  const learn = (path: readonly number[]): void => {
    const score = sumOf(path, scores);
    if (score > knownScore && keeps(path, measures)) [known, knownScore] = [path, score];
  };
  for (const { costs } of measures) learn(bestPath(lattice, bestPaths(lattice, negated(costs))));
  const multipliers = findMultipliers(measures, (each) => {
    const path = bestPath(lattice, bestPaths(lattice, tilted(scores, measures, each)));
    learn(path);
    return measures.map(({ costs }) => sumOf(path, costs));
  });
  const rests = bestRests(lattice, tilted(scores, measures, multipliers));
  const labels = new LabelSearch(lattice, scores, measures, { multipliers, rests, leasts });
  const found = labels.run(knownScore);
  const arcs = found ?? known;
  return arcs === undefined ? undefined : { arcs, optimal: labels.complete };
}

/** The measures whose bound some path exceeds: the others need no multiplier. */
export function bindingMeasures(lattice: Lattice, bounded: readonly BoundedMeasure[]): readonly BoundedMeasure[] {
  return bounded.filter(({ costs, most }) => bestPaths(lattice, costs).best[lattice.states - 1]! > most);
}

/** The least that a path costs. @param costs [arcs] */
export function leastOf(lattice: Lattice, costs: Float64Array): number {
  return -bestPaths(lattice, negated(costs)).best[lattice.states - 1]!;
}

/** Scores less what the costs come to at these multipliers. [arcs] */
export function tilted(scores: Float64Array, measures: readonly BoundedMeasure[], multipliers: readonly number[]): Float64Array {
  return scores.map((score, arc) => measures.reduce((sum, { costs }, at) => sum - multipliers[at]! * costs[arc]!, score));
}

export function sumOf(path: readonly number[], values: Float64Array): number {
  return path.reduce((sum, arc) => sum + values[arc]!, 0);
}

export function keeps(path: readonly number[], measures: readonly BoundedMeasure[]): boolean {
  return measures.every(({ costs, most }) => sumOf(path, costs) <= most);
}

function negated(values: Float64Array): Float64Array {
  return values.map((value) => -value);
}

interface Label {
  readonly score: number;
  /** One a measure; there are at most two. */
  readonly spent: readonly number[];
  readonly arc: number;
  readonly before: Label | undefined;
}

interface Bounds {
  readonly multipliers: readonly number[];
  /** The most that a rest adds to a score, less its costs at the multipliers. [states] */
  readonly rests: Float64Array;
  /** The least that a rest costs. [measures][states] */
  readonly leasts: readonly Float64Array[];
}

class LabelSearch {
  complete = true;
  readonly #lattice: Lattice;
  readonly #scores: Float64Array;
  readonly #measures: readonly BoundedMeasure[];
  readonly #bounds: Bounds;

  constructor(lattice: Lattice, scores: Float64Array, measures: readonly BoundedMeasure[], bounds: Bounds) {
    this.#lattice = lattice;
    this.#scores = scores;
    this.#measures = measures;
    this.#bounds = bounds;
  }

  /** The best path that is not worse than the known score; undefined where there is none. */
  run(knownScore: number): readonly number[] | undefined {
    const { states, from, to } = this.#lattice;
    const pending: Label[][] = Array.from({ length: states }, () => []);
    pending[0]!.push({ score: 0, spent: this.#measures.map(() => 0), arc: -1, before: undefined });
    let arc = 0;
    let made = 0;
    for (let state = 0; state < states - 1; state++) {
      const labels = this.#kept(undominated(pending[state]!), made);
      pending[state] = [];
      for (; arc < from.length && from[arc] === state; arc++) {
        for (const label of labels) {
          const next = this.#follow(label, arc, knownScore);
          if (next === undefined) continue;
          pending[to[arc]!]!.push(next);
          made++;
        }
      }
    }
    let [best] = undominated(pending[states - 1]!);
    if (best === undefined) return undefined;
    const arcs: number[] = [];
    for (; best.before !== undefined; best = best.before) arcs.push(best.arc);
    return arcs.reverse();
  }

  #follow(label: Label, arc: number, knownScore: number): Label | undefined {
    const { multipliers, rests, leasts } = this.#bounds;
    const state = this.#lattice.to[arc]!;
    const score = label.score + this.#scores[arc]!;
    let bound = score + rests[state]!;
    const spent: number[] = [];
    for (const [at, { costs, most }] of this.#measures.entries()) {
      const sum = label.spent[at]! + costs[arc]!;
      if (sum + leasts[at]![state]! > most) return undefined;
      bound += multipliers[at]! * (most - sum);
      spent.push(sum);
    }
    if (bound < knownScore - ROUNDING * (1 + Math.abs(knownScore))) return undefined;
    return { score, spent, arc, before: label };
  }

  /** All labels, or where they are too many over all: the most promising and the cheapest. */
  #kept(labels: readonly Label[], made: number): readonly Label[] {
    if (made <= MAX_LABELS || labels.length <= THINNED_LABELS) return labels;
    this.complete = false;
    const { multipliers } = this.#bounds;
    const promise = ({ score, spent }: Label): number => spent.reduce((sum, cost, at) => sum - multipliers[at]! * cost, score);
    const kept = new Set([...labels].sort((a, b) => promise(b) - promise(a)).slice(0, THINNED_LABELS));
    for (const at of this.#measures.keys()) kept.add(labels.reduce((least, label) => (label.spent[at]! < least.spent[at]! ? label : least)));
    return [...kept];
  }
}

/** The labels than which no other is at least as likely and as cheap, the likeliest first; of equal ones the first. */
function undominated(labels: readonly Label[]): readonly Label[] {
  if (labels.length <= 1) return labels;
  const sorted = [...labels].sort((a, b) => {
    if (a.score !== b.score) return b.score - a.score;
    const at = a.spent.findIndex((cost, index) => cost !== b.spent[index]);
    return at === -1 ? 0 : a.spent[at]! - b.spent[at]!;
  });
  const steps: Step[] = [];
  return sorted.filter(({ spent: [first = 0, second = 0] }) => climbs(steps, { first, second }));
}

/** Two costs; of one measure, the second is 0. */
interface Step {
  readonly first: number;
  readonly second: number;
}

/** Adds a step to a staircase (the first rising, the second falling), and drops what it makes superfluous; false where the staircase is below it already. */
function climbs(steps: Step[], step: Step): boolean {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]!.first <= step.first) low = middle + 1;
    else high = middle;
  }
  const below = steps[low - 1];
  if (below !== undefined && below.second <= step.second) return false;
  const start = below?.first === step.first ? low - 1 : low;
  let end = low;
  while (end < steps.length && steps[end]!.second >= step.second) end++;
  steps.splice(start, end - start, step);
  return true;
}
