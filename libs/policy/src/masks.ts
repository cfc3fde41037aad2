/**
 * What a decision may still choose, given the decisions before it. Decisions are taken in presented order, and the policy's
 * probabilities are those of the conditionals: a softmax over what is allowed at that point.
 *
 * Connectivity guard: a cell whose source lets its input reach its output keeps doing so. Budgets: an operation is allowed
 * only if the cheapest completion still fits. Both are one question, a shortest path: the cheapest completion makes every
 * undecided edge null, except along the path from an input to the output where staying live costs least. With two budgets
 * "least" is a set of pairs, none better than another in both.
 */
import { DomainError } from '@nat/errors';
import type { Subject } from './subject.ts';

/** Upper bounds of the result's whole network. */
export interface Budget {
  readonly maxParams?: number;
  readonly maxMacs?: number;
}

/** Added params and MACs. */
interface Price {
  readonly params: number;
  readonly macs: number;
}

/** The prices that no other one beats in both. */
function pareto(prices: readonly Price[]): readonly Price[] {
  if (prices.length < 2) return prices;
  const sorted = [...prices].sort((a, b) => a.params - b.params || a.macs - b.macs);
  const kept: Price[] = [];
  for (const price of sorted) if (kept.length === 0 || price.macs < kept[kept.length - 1]!.macs) kept.push(price);
  return kept;
}

function sums(a: readonly Price[], b: readonly Price[]): readonly Price[] {
  if (a.length === 1 && a[0]!.params === 0 && a[0]!.macs === 0) return b;
  return pareto(a.flatMap((x) => b.map((y) => ({ params: x.params + y.params, macs: x.macs + y.macs }))));
}

const NOTHING: readonly Price[] = [{ params: 0, macs: 0 }];

/** Walks through the decisions of one subject. */
export class SequentialMask {
  readonly #subject: Subject;
  /** By edge row: 1 where the edge is live, or undecided and able to be. */
  readonly #open: Uint8Array;
  readonly #reached: Uint8Array;
  readonly #budget: BudgetState | undefined;
  #next = 0;

  /** @throws DomainError FAILED_PRECONDITION, reason BUDGET_UNREACHABLE, with the attainable minimum */
  constructor(subject: Subject, budget?: Budget) {
    this.#subject = subject;
    this.#open = subject.mayBeLive.slice();
    this.#reached = new Uint8Array(subject.largestCell);
    if (budget?.maxParams !== undefined || budget?.maxMacs !== undefined) {
      this.#budget = new BudgetState(subject, budget, this.#open);
      this.#budget.assertReachable();
    }
  }

  /** The decision that is next. */
  get next(): number {
    return this.#next;
  }

  /** Writes 1 for each allowed candidate of the next decision at `out[at..]`, 0 for the others; returns how many are allowed. */
  allowed(out: Uint8Array, at: number): number {
    const subject = this.#subject;
    const d = this.#next;
    const { targets, row } = subject.decisions[d]!;
    const start = subject.candidateStart[d]!;
    let count = 0;
    for (let k = 0; k < targets.length; k++) {
      const isNull = subject.isNull[start + k] === 1;
      const allowed = (!isNull || this.#open[row] === 0 || this.#connectedWithout(row)) && (this.#budget === undefined || this.#budget.fits(d, k));
      out[at + k] = allowed ? 1 : 0;
      if (allowed) count++;
    }
    return count;
  }

  /** Takes candidate `k` of the next decision. */
  take(k: number): void {
    const subject = this.#subject;
    const d = this.#next++;
    this.#open[subject.decisions[d]!.row] = 1 - subject.isNull[subject.candidateStart[d]! + k]!;
    this.#budget?.take(d, k);
  }

  /** Whether the edge's guarded cell can still be connected with the edge null. */
  #connectedWithout(row: number): boolean {
    const cell = this.#subject.guards[this.#subject.cellOfEdge[row]!];
    if (cell === undefined) return true;
    const reached = this.#reached;
    reached.fill(0, 0, cell.nodes);
    reached.fill(1, 0, cell.inputs);
    const { rows, from, to } = cell;
    for (let i = 0; i < rows.length; i++) {
      const e = rows[i]!;
      if (e !== row && this.#open[e] === 1 && reached[from[i]!] === 1) reached[to[i]!] = 1;
    }
    for (const node of cell.outputs) if (reached[node] === 1) return true;
    return false;
  }
}

/** What is spent, and what the rest costs at least. */
class BudgetState {
  readonly #subject: Subject;
  readonly #maxParams: number;
  readonly #maxMacs: number;
  readonly #open: Uint8Array;
  /** Extra prices of staying connected, by cell. */
  readonly #cellPrices: (readonly Price[])[];
  /** 1 from when the edge is decided (or is not a decision at all). */
  readonly #decided: Uint8Array;
  #params: number;
  #macs: number;

  constructor(subject: Subject, budget: Budget, open: Uint8Array) {
    this.#subject = subject;
    this.#maxParams = budget.maxParams ?? Infinity;
    this.#maxMacs = budget.maxMacs ?? Infinity;
    this.#open = open;
    this.#params = subject.costs.base.params;
    this.#macs = subject.costs.base.macs;
    this.#decided = new Uint8Array(subject.cellOfEdge.length).fill(1);
    for (const { row } of subject.decisions) this.#decided[row] = 0;
    this.#cellPrices = subject.architecture.cells.map((_, c) => this.#connectionPrices(c));
  }

  assertReachable(): void {
    const least = this.#cellPrices.reduce(sums, NOTHING);
    if (this.#within(least, 0, 0)) return;
    const minParams = this.#params + Math.min(...least.map(({ params }) => params));
    const minMacs = this.#macs + Math.min(...least.map(({ macs }) => macs));
    const bounds = { ...(this.#maxParams < Infinity ? { minParams } : {}), ...(this.#maxMacs < Infinity ? { minMacs } : {}) };
    const described = Object.entries(bounds).map(([name, value]) => `${value} ${name === 'minParams' ? 'parameters' : 'MACs'}`);
    throw new DomainError('FAILED_PRECONDITION', `no transform of this architecture meets the budget: at least ${described.join(' and ')} remain`, {
      reason: 'BUDGET_UNREACHABLE',
      metadata: Object.fromEntries(Object.entries(bounds).map(([name, value]) => [name, String(value)])),
    });
  }

  fits(d: number, k: number): boolean {
    const { row } = this.#subject.decisions[d]!;
    const candidate = this.#subject.candidateStart[d]! + k;
    const cell = this.#subject.cellOfEdge[row]!;
    const wasOpen = this.#open[row]!;
    this.#open[row] = 1 - this.#subject.isNull[candidate]!;
    this.#decided[row] = 1;
    const prices = this.#connectionPrices(cell);
    this.#open[row] = wasOpen;
    this.#decided[row] = 0;
    const rest = this.#cellPrices.reduce((sum, other, c) => sums(sum, c === cell ? prices : other), NOTHING);
    return this.#within(rest, this.#subject.costs.params[candidate]!, this.#subject.costs.macs[candidate]!);
  }

  take(d: number, k: number): void {
    const { row } = this.#subject.decisions[d]!;
    const candidate = this.#subject.candidateStart[d]! + k;
    this.#decided[row] = 1;
    this.#params += this.#subject.costs.params[candidate]!;
    this.#macs += this.#subject.costs.macs[candidate]!;
    const cell = this.#subject.cellOfEdge[row]!;
    this.#cellPrices[cell] = this.#connectionPrices(cell);
  }

  #within(prices: readonly Price[], params: number, macs: number): boolean {
    return prices.some((price) => this.#params + params + price.params <= this.#maxParams && this.#macs + macs + price.macs <= this.#maxMacs);
  }

  /** Pareto-shortest paths from the cell's inputs to its output; nothing where the cell is not guarded, none where no path is left. */
  #connectionPrices(c: number): readonly Price[] {
    const cell = this.#subject.guards[c];
    if (cell === undefined) return NOTHING;
    const at: (readonly Price[])[] = Array.from({ length: cell.nodes }, (_, node) => (node < cell.inputs ? NOTHING : []));
    for (let i = 0; i < cell.rows.length; i++) {
      const e = cell.rows[i]!;
      const source = at[cell.from[i]!]!;
      if (this.#open[e] === 0 || source.length === 0) continue;
      const target = cell.to[i]!;
      at[target] = pareto([...at[target]!, ...sums(source, this.#decided[e] === 1 ? NOTHING : this.#livePrices(e))]);
    }
    return pareto(cell.outputs.flatMap((node) => at[node]!));
  }

  #livePrices(row: number): readonly Price[] {
    const { candidateStart, isNull, costs, decisionOfEdge } = this.#subject;
    const d = decisionOfEdge[row]!;
    const prices: Price[] = [];
    for (let i = candidateStart[d]!; i < candidateStart[d + 1]!; i++) {
      if (isNull[i] === 0) prices.push({ params: this.#maxParams === Infinity ? 0 : costs.params[i]!, macs: this.#maxMacs === Infinity ? 0 : costs.macs[i]! });
    }
    return pareto(prices);
  }
}

/**
 * The masks along given actions: 1 where a candidate was allowed when its decision was taken. [candidates]
 * @throws DomainError INVALID_ARGUMENT, reason ACTION_NOT_ALLOWED, for actions that no draw could have given
 */
export function allowedAlong(subject: Subject, actions: ArrayLike<number>, budget: Budget | undefined, field: string): Uint8Array {
  if (actions.length !== subject.decisions.length) {
    throw DomainError.invalid(`${field}.actions`, `${actions.length} given for ${subject.decisions.length} edges`, 'ACTION_NOT_ALLOWED');
  }
  const allowed = new Uint8Array(subject.candidateStart[subject.decisions.length]!);
  const mask = new SequentialMask(subject, budget);
  for (let d = 0; d < actions.length; d++) {
    const start = subject.candidateStart[d]!;
    mask.allowed(allowed, start);
    const action = actions[d]!;
    if (!(action >= 0 && action < subject.decisions[d]!.targets.length && allowed[start + action] === 1)) {
      throw DomainError.invalid(`${field}.actions[${d}]`, `${action} is not allowed there`, 'ACTION_NOT_ALLOWED');
    }
    mask.take(action);
  }
  return allowed;
}
