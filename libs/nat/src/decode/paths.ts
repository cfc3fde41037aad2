/** Dynamic programming over a lattice, with one weight an arc: best paths, and sums over all paths. */
import type { RandomStream } from '@nat/base/random';
import type { Lattice } from './lattice.ts';

/** The most that a path from the start comes to at each state, and the arc that it arrives by (-1: none). */
export interface BestPaths {
  readonly best: Float64Array;
  readonly arrival: Int32Array;
}

/** [states] each; -Infinity where no path leads. */
export function bestPaths({ states, from, to }: Lattice, weights: Float64Array): BestPaths {
  const best = new Float64Array(states).fill(-Infinity);
  const arrival = new Int32Array(states).fill(-1);
  best[0] = 0;
  for (let arc = 0; arc < from.length; arc++) {
    const value = best[from[arc]!]! + weights[arc]!;
    if (value > best[to[arc]!]!) {
      best[to[arc]!] = value;
      arrival[to[arc]!] = arc;
    }
  }
  return { best, arrival };
}

/** The most that a path from each state to the end comes to. [states] */
export function bestRests({ states, from, to }: Lattice, weights: Float64Array): Float64Array {
  const best = new Float64Array(states).fill(-Infinity);
  best[states - 1] = 0;
  for (let arc = from.length - 1; arc >= 0; arc--) {
    const value = best[to[arc]!]! + weights[arc]!;
    if (value > best[from[arc]!]!) best[from[arc]!] = value;
  }
  return best;
}

/** The arcs of the best path to the end, in order. */
export function bestPath({ states, from }: Lattice, { arrival }: BestPaths): readonly number[] {
  const arcs: number[] = [];
  for (let state = states - 1; state > 0;) {
    const arc = arrival[state]!;
    arcs.push(arc);
    state = from[arc]!;
  }
  return arcs.reverse();
}

/**
 * Draws paths with probabilities proportional to the exponential of their weight: log Z(s) = logsumexp over the arcs into s of log Z(from) + weight,
 * then backwards from the end.
 */
export class PathSampler {
  readonly #lattice: Lattice;
  readonly #weights: Float64Array;
  readonly #logZ: Float64Array;
  /** First arc into each state, in `#byTarget`. [states + 1] */
  readonly #firstInto: Int32Array;
  readonly #byTarget: Int32Array;

  constructor(lattice: Lattice, weights: Float64Array) {
    const { states, from, to } = lattice;
    this.#lattice = lattice;
    this.#weights = weights;
    this.#firstInto = new Int32Array(states + 1);
    for (const state of to) this.#firstInto[state + 1]!++;
    for (let state = 0; state < states; state++) this.#firstInto[state + 1]! += this.#firstInto[state]!;
    const place = this.#firstInto.slice();
    this.#byTarget = new Int32Array(to.length);
    for (let arc = 0; arc < to.length; arc++) this.#byTarget[place[to[arc]!]!++] = arc;
    this.#logZ = new Float64Array(states).fill(-Infinity);
    this.#logZ[0] = 0;
    for (let state = 1; state < states; state++) {
      const arcs = this.#into(state);
      if (arcs.length === 0) continue;
      const most = arcs.reduce((max, arc) => Math.max(max, this.#logZ[from[arc]!]! + weights[arc]!), -Infinity);
      const sum = arcs.reduce((total, arc) => total + Math.exp(this.#logZ[from[arc]!]! + weights[arc]! - most), 0);
      this.#logZ[state] = most + Math.log(sum);
    }
  }

  /** Means of values along a path that is drawn. */
  mean(values: Float64Array): number {
    const { states, from } = this.#lattice;
    const means = new Float64Array(states);
    for (let state = 1; state < states; state++) {
      for (const arc of this.#into(state)) means[state]! += this.#share(arc, state) * (means[from[arc]!]! + values[arc]!);
    }
    return means[states - 1]!;
  }

  /** The arcs of a path, in order. */
  draw(stream: RandomStream): readonly number[] {
    const { states, from } = this.#lattice;
    const path: number[] = [];
    for (let state = states - 1; state > 0;) {
      const arcs = this.#into(state);
      let rest = stream.uniform();
      let chosen = arcs[arcs.length - 1]!;
      for (const arc of arcs) {
        rest -= this.#share(arc, state);
        if (rest < 0) {
          chosen = arc;
          break;
        }
      }
      path.push(chosen);
      state = from[chosen]!;
    }
    return path.reverse();
  }

  #into(state: number): Int32Array {
    return this.#byTarget.subarray(this.#firstInto[state], this.#firstInto[state + 1]);
  }

  /** Probability that a path through a state came by this arc. */
  #share(arc: number, state: number): number {
    return Math.exp(this.#logZ[this.#lattice.from[arc]!]! + this.#weights[arc]! - this.#logZ[state]!);
  }
}
