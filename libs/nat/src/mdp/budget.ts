/**
 * Budgets: the most parameters and MACs a result may have, kept by masking each decision against the cheapest completion of
 * the decisions that are left.
 *
 * Every undecided edge may become `null`, which costs nothing, so the cheapest completion is the cheapest way to keep one
 * live path (see connectivity.ts). Two budgets make that a shortest path with two weights: Pareto-optimal label lists.
 */
import { DomainError } from '@nat/base/errors';
import type { CellGuard } from './connectivity.ts';
import { type Cell, type CostBounds as Budget, outputNodes } from '@nat/cells';

/** The most a result may cost. */
export type { Budget };

/** Parameters and MACs of a way to complete, and which edges it keeps alive: one edge, or all of two parts. */
export interface Expense {
  readonly params: number;
  readonly macs: number;
  readonly choice?: { readonly edge: number; readonly target: number };
  readonly parts?: readonly [Expense, Expense];
}

/** Expenses none of which is worse than another in both, by rising parameters. */
export type Frontier = readonly Expense[];

export const NOTHING: Frontier = [{ params: 0, macs: 0 }];

/** Labels kept a node, so that time stays bounded. Beyond it the ends and every second label stay: then a decision may be masked that a dropped label would have allowed. */
const MAX_LABELS = 16;

/** @throws DomainError INVALID_ARGUMENT for a bound that is no non-negative number */
export function checkBudget(budget: Budget, root = 'budget'): void {
  for (const field of ['maxParams', 'maxMacs', 'maxPeakActivationBytes'] as const) {
    const bound = budget[field];
    if (bound !== undefined && !(typeof bound === 'number' && bound >= 0))
      throw DomainError.invalid(`${root}.${field}`, `${String(bound)} is not a number from 0`, 'INVALID_BUDGET');
  }
}

/** True where the expense is within the budget. */
export function withinBudget(params: number, macs: number, budget: Budget): boolean {
  return params <= (budget.maxParams ?? Infinity) && macs <= (budget.maxMacs ?? Infinity);
}

/** The expenses that no other one beats, thinned to 16. */
export function paretoFrontier(expenses: readonly Expense[]): Frontier {
  if (expenses.length <= 1) return expenses;
  const sorted = [...expenses].sort((a, b) => a.params - b.params || a.macs - b.macs);
  let best: Expense[] = [];
  for (const expense of sorted) {
    const last = best.at(-1);
    if (last === undefined || expense.macs < last.macs) best.push(expense);
  }
  while (best.length > MAX_LABELS) best = best.filter((_, index) => index % 2 === 0 || index === best.length - 1);
  return best;
}

/** All sums of one expense of each. */
export function addFrontiers(a: Frontier, b: Frontier): Frontier {
  if (isNothing(b)) return a;
  if (isNothing(a)) return b;
  return paretoFrontier(a.flatMap((x) => b.map((y) => ({ params: x.params + y.params, macs: x.macs + y.macs, parts: [x, y] }))));
}

function isNothing(frontier: Frontier): boolean {
  return frontier === NOTHING;
}

/** The edges an expense keeps alive, with their targets. */
export function choicesOf(expense: Expense): ReadonlyMap<number, number> {
  const choices = new Map<number, number>();
  const open = [expense];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.choice !== undefined) choices.set(next.choice.edge, next.choice.target);
    if (next.parts !== undefined) open.push(...next.parts);
  }
  return choices;
}

/** Edge indices in the order they run: node by node, presented order within a node. */
export function runningOrder(cell: { readonly edges: readonly { readonly to: number }[] }): readonly number[] {
  const order = cell.edges.map((_, index) => index);
  // Stable, so edges of one node stay in presented order.
  return order.sort((a, b) => cell.edges[a]!.to - cell.edges[b]!.to);
}

/**
 * The cheapest ways to keep a cell's guard.
 * @param expenseOf what an edge adds when it is live: NOTHING for one that is decided or fixed, undefined for one that is not or cannot be
 */
export function cheapestCompletion(cell: Cell, guard: CellGuard, expenseOf: (edge: number) => Frontier | undefined): Frontier {
  if (guard.kind === 'none') return NOTHING;
  if (guard.kind === 'each') {
    // Several paths at once: keep every edge that is live. An upper bound, so budgets are kept but may be refused early.
    let sum: Frontier = NOTHING;
    cell.edges.forEach((_, edge) => {
      const expense = expenseOf(edge);
      if (expense !== undefined) sum = addFrontiers(sum, expense);
    });
    return sum;
  }
  const labels: (Frontier | undefined)[] = new Array<Frontier | undefined>(cell.nodes).fill(undefined);
  for (const anchor of guard.anchors) labels[anchor] = NOTHING;
  for (const index of runningOrder(cell)) {
    const { from, to } = cell.edges[index]!;
    const reached = labels[from];
    if (reached === undefined) continue;
    const expense = expenseOf(index);
    if (expense === undefined) continue;
    const through = addFrontiers(reached, expense);
    const known = labels[to];
    labels[to] = known === undefined ? through : paretoFrontier([...known, ...through]);
  }
  return paretoFrontier(outputNodes(cell).flatMap((node) => labels[node] ?? []));
}

/** FAILED_PRECONDITION, reason BUDGET_UNREACHABLE, with the least each measure can come to. */
export function unreachable(budget: Budget, attainable: Frontier): DomainError {
  const params = Math.min(...attainable.map((expense) => expense.params));
  const macs = Math.min(...attainable.map((expense) => expense.macs));
  const metadata: Record<string, string> = { attainableParams: String(params), attainableMacs: String(macs) };
  if (budget.maxParams !== undefined) metadata['maxParams'] = String(budget.maxParams);
  if (budget.maxMacs !== undefined) metadata['maxMacs'] = String(budget.maxMacs);
  return new DomainError('FAILED_PRECONDITION', `no allowed result is within the budget; the least are ${params} parameters and ${macs} MACs`, {
    reason: 'BUDGET_UNREACHABLE',
    metadata,
  });
}
