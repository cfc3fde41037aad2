/**
 * All results that are allowed for an architecture, as the paths of a lattice: an arc decides one edge, a path decides all, and every allowed result is
 * one path. What adds up over edges (log-probability, parameters, MACs) adds up along a path, so the likeliest result, the cheapest one and samples are
 * found by dynamic programming.
 *
 * Allowed is a result without a dead operation. A node is live where it depends on an input of its cell and the cell's output depends on it; an operation
 * stands between live nodes only. A state of the lattice is therefore what is known of the nodes that later edges still touch:
 *
 *     live       whether the node is to be live, guessed before its first edge; a guess that does not come true ends the path
 *     fed, used  whether a live edge into it, or out of it, has come; a dead node that something irremovable feeds must not be used
 *     paid       of a dead node: whether leaving out an edge of it has saved something
 *     inputs     which of the inputs that have to stay connected it depends on
 */
import { outputNodes, type Cell } from '@nat/cells';
import { runningOrder } from '../mdp/running-order.ts';

/** What may happen to one edge; numbers are candidates of the environment, NOTHING where there is nothing to decide. */
export interface EdgeChoices {
  /** Operations that may stand between live nodes. */
  readonly live: readonly number[];
  /** `null`, where it may stand between live nodes. */
  readonly cut: readonly number[];
  /** What stands where one of the nodes is dead. */
  readonly dead: readonly number[];
  /** Whether that is `null`: what cannot be replaced, such as a fixed operation, goes on feeding the node that it leads to. */
  readonly removable: boolean;
  /** Whether `null` saves something here. */
  readonly saves: boolean;
}

export const NOTHING = -1;

/** The rules of one cell. */
export interface CellRules {
  readonly cell: Cell;
  /** Inputs that the output has to depend on; at most 24 are told apart. */
  readonly inputs: readonly number[];
  /** One an edge, in presented order. */
  readonly choices: readonly EdgeChoices[];
  /** `free`: every choice of every edge, whatever the others are. */
  readonly rule: 'live' | 'free';
  /** A node that was live may be dead only where leaving out one of its edges saves something. */
  readonly mustSave: boolean;
}

/** A graph without cycles whose paths from state 0 to state `states - 1` are the allowed results. */
export interface Lattice {
  /** Every arc leads to a state of a higher number. */
  readonly states: number;
  /** State that an arc leaves, never falling. [arcs] */
  readonly from: Int32Array;
  /** [arcs] */
  readonly to: Int32Array;
  /** What the arc decides. [arcs] */
  readonly candidate: Int32Array;
  /** False where states were left out, so that some allowed results are no path. */
  readonly complete: boolean;
}

/** States kept at a time are at most this many over the number of edges, so that any architecture takes bounded time; those of networks in use are far fewer. */
const MAX_STATES_BY_EDGES = 100_000;
const [MIN_STATES, MAX_STATES] = [32, 4096];
const MAX_INPUTS = 24;

const LIVE = 1;
const FED = 2;
const USED = 4;
/** A node is either live, and used, or dead, and paid for. */
const PAID = USED;
const INPUTS = 3;

interface State {
  /** Of each open node. */
  readonly codes: readonly number[];
  /** The inputs that live outputs depend on. */
  readonly inputs: number;
  readonly id: number;
  /** Of the best path here, and the MACs of the cheapest: which states are kept where there are too many. */
  score: number;
  macs: number;
  /** A path of the source leads here: it is never left out. */
  isSource: boolean;
}

/** What is known of candidates while a lattice is made. */
export interface CandidateValues {
  readonly score: (candidate: number) => number;
  readonly macs: (candidate: number) => number;
}

/** One lattice of all cells, one after the other; undefined where a cell has no allowed result. */
export function latticeOf(cells: readonly CellRules[], values: CandidateValues): Lattice | undefined {
  const arcs: Arc[] = [];
  let start = 0;
  let complete = true;
  for (const rules of cells) {
    const builder = new CellLattice(rules, values, start);
    const end = builder.build();
    if (end === undefined) return undefined;
    for (const arc of builder.usefulArcs(end)) arcs.push(arc);
    complete &&= builder.complete;
    start = end;
  }
  return {
    states: start + 1,
    from: Int32Array.from(arcs, ({ from }) => from),
    to: Int32Array.from(arcs, ({ to }) => to),
    candidate: Int32Array.from(arcs, ({ candidate }) => candidate),
    complete,
  };
}

interface Arc {
  readonly from: number;
  readonly to: number;
  readonly candidate: number;
}

class CellLattice {
  complete = true;
  readonly #rules: CellRules;
  readonly #values: CandidateValues;
  readonly #start: number;
  readonly #arcs: Arc[] = [];
  readonly #outputs: ReadonlySet<number>;
  readonly #required: number;
  readonly #sourceLive: Uint8Array;
  readonly #maxStates: number;
  #open: number[] = [];
  #states = 0;

  constructor(rules: CellRules, values: CandidateValues, start: number) {
    const { cell, inputs, rule } = rules;
    this.#rules = rules;
    this.#values = values;
    this.#start = start;
    this.#states = start + 1;
    this.#outputs = new Set(outputNodes(cell));
    this.#required = rule === 'free' ? 0 : inputs.slice(0, MAX_INPUTS).reduce((mask, _, bit) => mask | (1 << bit), 0);
    this.#sourceLive = liveNodes(cell);
    this.#maxStates = Math.min(MAX_STATES, Math.max(MIN_STATES, Math.floor(MAX_STATES_BY_EDGES / Math.max(1, cell.edges.length))));
  }

  /** The number of the last state. */
  build(): number | undefined {
    const { cell, rule } = this.#rules;
    const order = runningOrder(cell);
    const [lastIn, lastOut] = [new Map<number, number>(), new Map<number, number>()];
    for (const edge of order) {
      lastIn.set(cell.edges[edge]!.to, edge);
      lastOut.set(cell.edges[edge]!.from, edge);
    }
    let layer: readonly State[] = [{ codes: [], inputs: 0, id: this.#start, score: 0, macs: 0, isSource: true }];
    for (const edge of order) {
      const { from, to } = cell.edges[edge]!;
      const open = this.#open;
      const opens = rule === 'live' && !open.includes(to);
      if (opens) this.#open = [...open, to];
      const closed = new Set<number>();
      if (lastIn.get(to) === edge && !lastOut.has(to)) closed.add(to);
      if (lastOut.get(from) === edge) closed.add(from);
      const next = new Layer(
        this.#open.filter((node) => !closed.has(node)),
        () => this.#states++,
      );
      for (const state of layer) this.#decide(state, { edge, opens, fedNow: lastIn.get(to) === edge, closed }, next);
      this.#open = [...next.open];
      layer = this.#kept([...next.states.values()]);
      if (layer.length === 0) return undefined;
    }
    if (order.length === 0) return this.#required === 0 ? this.#start : undefined;
    const ends = layer.filter(({ inputs }) => (inputs & this.#required) === this.#required);
    if (ends.length === 0) return undefined;
    const end = this.#states++;
    // One end, whatever else is known of it.
    const ids = new Set(ends.map(({ id }) => id));
    this.#arcs.forEach((arc, at) => {
      if (ids.has(arc.to)) this.#arcs[at] = { ...arc, to: end };
    });
    return end;
  }

  /** The arcs from which the end is reached. */
  usefulArcs(end: number): readonly Arc[] {
    const useful = new Set([end]);
    const arcs: Arc[] = [];
    for (let at = this.#arcs.length - 1; at >= 0; at--) {
      const arc = this.#arcs[at]!;
      if (!useful.has(arc.to)) continue;
      useful.add(arc.from);
      arcs.push(arc);
    }
    return arcs.reverse();
  }

  #decide(state: State, step: Step, next: Layer): void {
    const { rule, choices } = this.#rules;
    const { live, cut, dead, removable, saves } = choices[step.edge]!;
    if (rule === 'free') {
      for (const candidate of [...live, ...cut]) this.#add(state, candidate, { codes: [], inputs: 0, isSource: true }, next);
      return;
    }
    const { to } = this.#rules.cell.edges[step.edge]!;
    const guesses = step.opens ? [this.#deadCode(to), LIVE | (this.#outputs.has(to) ? USED : 0)] : [undefined];
    for (const guess of guesses) {
      const codes = guess === undefined ? state.codes : [...state.codes, guess];
      const isSource = state.isSource && (guess === undefined || (guess & LIVE) === this.#sourceLive[to]!);
      const [source, target] = [this.#codeOf(step.edge, 'from', codes), this.#codeOf(step.edge, 'to', codes)];
      if ((source & target & LIVE) === 0) {
        const left = removable ? (saves ? this.#pay(step.edge, codes) : codes) : (source & (LIVE | FED)) === 0 ? codes : this.#feed(step.edge, codes);
        if (left === undefined) continue;
        for (const candidate of dead) this.#follow({ ...state, codes: left, isSource }, candidate, false, step, next);
      } else {
        for (const candidate of live) this.#follow({ ...state, codes, isSource }, candidate, true, step, next);
        for (const candidate of cut) this.#follow({ ...state, codes, isSource }, candidate, false, step, next);
      }
    }
  }

  /** Of a node that is to be dead, before its first edge. */
  #deadCode(node: number): number {
    return this.#rules.mustSave && this.#sourceLive[node] === 1 ? 0 : PAID;
  }

  /** What leaving out an edge that saves something does: its dead ends are paid for. */
  #pay(edge: number, codes: readonly number[]): readonly number[] {
    const { from, to } = this.#rules.cell.edges[edge]!;
    const ends = [this.#open.indexOf(from), this.#open.indexOf(to)];
    return codes.map((code, slot) => (ends.includes(slot) && (code & LIVE) === 0 ? code | PAID : code));
  }

  /** What an irremovable operation between nodes of which one is dead does: it feeds a dead node, which must not be used then. Undefined where it is. */
  #feed(edge: number, codes: readonly number[]): readonly number[] | undefined {
    const { to } = this.#rules.cell.edges[edge]!;
    const slot = this.#open.indexOf(to);
    if ((codes[slot]! & LIVE) !== 0 || this.#outputs.has(to)) return undefined;
    return codes.map((code, at) => (at === slot ? code | FED : code));
  }

  /** The state after a choice, where it can still come to a result. */
  #follow(state: State, candidate: number, carries: boolean, { edge, fedNow, closed }: Step, next: Layer): void {
    const { from, to } = this.#rules.cell.edges[edge]!;
    const codes = [...state.codes];
    const [fromSlot, toSlot] = [this.#open.indexOf(from), this.#open.indexOf(to)];
    if (carries) {
      codes[toSlot]! |= FED | ((this.#codeOf(edge, 'from', codes) >> INPUTS) << INPUTS);
      if (fromSlot >= 0) codes[fromSlot]! |= USED;
    }
    let { inputs } = state;
    if (fedNow && (codes[toSlot]! & LIVE) !== 0) {
      if ((codes[toSlot]! & FED) === 0) return;
      codes[toSlot]! &= ~FED;
      if (this.#outputs.has(to)) inputs |= codes[toSlot]! >> INPUTS;
    }
    for (const node of closed) {
      const code = codes[this.#open.indexOf(node)];
      if (code !== undefined && (code & (USED | PAID)) === 0) return;
    }
    const left = closed.size === 0 ? codes : codes.filter((_, slot) => !closed.has(this.#open[slot]!));
    this.#add(state, candidate, { codes: left, inputs, isSource: state.isSource }, next);
  }

  #add(state: State, candidate: number, after: Pick<State, 'codes' | 'inputs' | 'isSource'>, next: Layer): void {
    const score = state.score + (candidate === NOTHING ? 0 : this.#values.score(candidate));
    const macs = state.macs + (candidate === NOTHING ? 0 : this.#values.macs(candidate));
    const { id } = next.reach(after, score, macs);
    this.#arcs.push({ from: state.id, to: id, candidate });
  }

  /** What is known of an end of an edge. */
  #codeOf(edge: number, end: 'from' | 'to', codes: readonly number[]): number {
    const node = this.#rules.cell.edges[edge]![end];
    if (node >= this.#rules.cell.inputs) return codes[this.#open.indexOf(node)]!;
    const bit = this.#rules.inputs.indexOf(node);
    return LIVE | FED | USED | (bit >= 0 && bit < MAX_INPUTS ? 1 << (bit + INPUTS) : 0);
  }

  /** All states, or where they are too many the likeliest, the cheapest and the source's. */
  #kept(states: readonly State[]): readonly State[] {
    if (states.length <= this.#maxStates) return states;
    this.complete = false;
    const half = this.#maxStates >> 1;
    const kept = new Set(states.filter(({ isSource }) => isSource));
    for (const state of [...states].sort((a, b) => b.score - a.score).slice(0, half)) kept.add(state);
    for (const state of [...states].sort((a, b) => a.macs - b.macs).slice(0, half)) kept.add(state);
    return [...kept].sort((a, b) => a.id - b.id);
  }
}

interface Step {
  readonly edge: number;
  /** Its target comes for the first time. */
  readonly opens: boolean;
  /** It is the last edge into its target. */
  readonly fedNow: boolean;
  /** The nodes that no later edge touches. */
  readonly closed: ReadonlySet<number>;
}

/** The states after one edge. */
class Layer {
  readonly open: readonly number[];
  readonly states = new Map<string, State>();
  readonly #number: () => number;

  constructor(open: readonly number[], number: () => number) {
    this.open = open;
    this.#number = number;
  }

  reach({ codes, inputs, isSource }: Pick<State, 'codes' | 'inputs' | 'isSource'>, score: number, macs: number): State {
    const key = `${inputs}:${codes.join()}`;
    let state = this.states.get(key);
    if (state === undefined) {
      state = { codes, inputs, id: this.#number(), score, macs, isSource };
      this.states.set(key, state);
    }
    state.score = Math.max(state.score, score);
    state.macs = Math.min(state.macs, macs);
    state.isSource ||= isSource;
    return state;
  }
}

/** For each node of a cell, 1 where it is live: it depends on an input, and an output depends on it. */
export function liveNodes(cell: Cell): Uint8Array {
  const order = runningOrder(cell);
  const [fed, used] = [new Uint8Array(cell.nodes), new Uint8Array(cell.nodes)];
  fed.fill(1, 0, cell.inputs);
  for (const edge of order) {
    const { from, to, operation } = cell.edges[edge]!;
    if (fed[from] === 1 && operation.name !== 'null') fed[to] = 1;
  }
  for (const node of outputNodes(cell)) used[node] = 1;
  for (const edge of [...order].reverse()) {
    const { from, to, operation } = cell.edges[edge]!;
    if (used[to] === 1 && operation.name !== 'null') used[from] = 1;
  }
  return fed.map((isFed, node) => isFed & used[node]!);
}
