/** Budgets: the most that a result may cost (section 3.1: c(b) <= k). */
import { DomainError } from '@nat/base/errors';
import type { CostBounds as Budget, CostShares } from '@nat/cells';
import type { Cost } from '@nat/graph';

/** The most a result may cost. */
export type { Budget };

/** @throws DomainError INVALID_ARGUMENT for a bound that is no non-negative number */
export function checkBudget(budget: Budget, root = 'budget'): void {
  for (const field of ['maxParams', 'maxMacs', 'maxPeakActivationBytes'] as const) {
    const bound = budget[field];
    if (bound !== undefined && !(typeof bound === 'number' && bound >= 0))
      throw DomainError.invalid(`${root}.${field}`, `${String(bound)} is not a number from 0`, 'INVALID_BUDGET');
  }
}

/** True where a cost is within the budget. */
export function withinBudget({ params, macs, peakActivationBytes }: Cost, budget: Budget): boolean {
  return params <= (budget.maxParams ?? Infinity) && macs <= (budget.maxMacs ?? Infinity) && peakActivationBytes <= (budget.maxPeakActivationBytes ?? Infinity);
}

/** The budget in numbers of this source; where a measure is bounded both ways, by the smaller one. Shares are rounded down to whole numbers. */
export function resolveBudget(budget: Budget | undefined, relative: CostShares | undefined, source: Cost): Budget | undefined {
  if (relative === undefined) return budget;
  const smaller = (bound: number | undefined, share: number | undefined, of: number): number | undefined =>
    share === undefined ? bound : Math.min(bound ?? Infinity, Math.floor(share * of));
  const resolved = {
    maxParams: smaller(budget?.maxParams, relative.params, source.params),
    maxMacs: smaller(budget?.maxMacs, relative.macs, source.macs),
    maxPeakActivationBytes: smaller(budget?.maxPeakActivationBytes, relative.peakActivationBytes, source.peakActivationBytes),
  };
  return Object.fromEntries(Object.entries(resolved).filter(([, bound]) => bound !== undefined));
}

/** FAILED_PRECONDITION, reason BUDGET_UNREACHABLE, with the least that each measure alone can come to. */
export function unreachable(budget: Budget, attainable: Cost): DomainError {
  const metadata: Record<string, string> = {
    attainableParams: String(attainable.params),
    attainableMacs: String(attainable.macs),
    attainablePeakActivationBytes: String(attainable.peakActivationBytes),
  };
  for (const [measure, bound] of Object.entries(budget)) metadata[measure] = String(bound);
  return new DomainError(
    'FAILED_PRECONDITION',
    `no allowed result is within the budget; the least are ${attainable.params} parameters, ${attainable.macs} MACs and ${attainable.peakActivationBytes} bytes of activations`,
    { reason: 'BUDGET_UNREACHABLE', metadata },
  );
}
