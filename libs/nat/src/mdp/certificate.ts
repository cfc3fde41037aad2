/** The proof that comes with every result: what it costs, against its source and the caller's budget, edge by edge. */
import { withinBudget, type Budget } from './budget.ts';
import type { CostedArchitecture } from './cost-model.ts';
import { type EdgeEdit, editsTo } from '@nat/cells';
import type { Cost } from '@nat/graph';

export interface EdgeSaving extends EdgeEdit {
  /** Over all the places of the edge; negative where the edit adds cost, which others pay for. They add up to the whole difference. */
  readonly saved: { readonly params: number; readonly macs: number };
}

export interface CostCertificate {
  /** True where the result exceeds its source in none of the three measures and meets the budget. */
  readonly holds: boolean;
  readonly source: Cost;
  readonly result: Cost;
  /** The replaced edges, in presented order. */
  readonly edges: readonly EdgeSaving[];
  readonly budget?: Budget & { readonly met: boolean };
}

/** Certifies a result given as primitive indices on the edges of a priced source. Linear in the edges. */
export function certify(priced: CostedArchitecture, operations: ArrayLike<number>, budget?: Budget): CostCertificate {
  const source = priced.cost;
  const result = priced.costOf(operations);
  const met = withinBudget(result, budget ?? {});
  const cheaper = withinBudget(result, { maxParams: source.params, maxMacs: source.macs, maxPeakActivationBytes: source.peakActivationBytes });
  return {
    holds: cheaper && met,
    source,
    result,
    edges: priced.sharing.length === 0 ? ownSavings(priced, operations) : stepwiseSavings(priced, operations),
    ...(budget === undefined ? {} : { budget: { ...budget, met } }),
  };
}

function ownSavings(priced: CostedArchitecture, operations: ArrayLike<number>): readonly EdgeSaving[] {
  return editsTo(priced.architecture, operations).map((edit): EdgeSaving => {
    const flat = priced.offsets[edit.cell]! + edit.edge;
    const before = priced.edgeCost(flat, priced.operations[flat]!);
    const after = priced.edgeCost(flat, operations[flat]!);
    return { ...edit, saved: { params: before.params - after.params, macs: before.macs - after.macs } };
  });
}

/** Where edges share weights: what each edit saves after those before it. */
function stepwiseSavings(priced: CostedArchitecture, operations: ArrayLike<number>): readonly EdgeSaving[] {
  const current = Int16Array.from(priced.operations);
  let before = priced.cost;
  return editsTo(priced.architecture, operations).map((edit): EdgeSaving => {
    const flat = priced.offsets[edit.cell]! + edit.edge;
    current[flat] = operations[flat]!;
    const after = priced.costOf(current);
    const saved = { params: before.params - after.params, macs: before.macs - after.macs };
    before = after;
    return { ...edit, saved };
  });
}
