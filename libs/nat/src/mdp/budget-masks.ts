/** Masks decisions that no completion within the budget follows. */
import { addFrontiers, checkBudget, cheapestCompletion, choicesOf, NOTHING, paretoFrontier, unreachable, withinBudget } from './budget.ts';
import type { Budget, Expense, Frontier } from './budget.ts';
import type { ActionSpace } from './action-space.ts';
import { FIXED } from '@nat/cells';
import { primitiveIndex } from '@nat/cells';

const NULL = primitiveIndex('null');

type Completion = 'keep' | ReadonlyMap<number, number>;

/** Keeps a sequence of decisions within a budget. There is always a decision to allow: that of the completion it knows. */
export class BudgetMasks {
  readonly #space: ActionSpace;
  readonly #budget: Budget;
  /** Of decided edges and everything that cannot change. */
  #params: number;
  #macs: number;
  /** Sums of what editable edges at and after a position cost as the source has them. */
  readonly #keptParams: Float64Array;
  readonly #keptMacs: Float64Array;
  /** For each cell the cheapest completions of all cells after it. */
  readonly #later: Frontier[];
  /** For each flat edge the cheapest live targets, undefined where the source has none. */
  readonly #liveOptions: (Frontier | undefined)[];
  /** Flat index -> position among the editable edges. */
  readonly #positions: Int32Array;
  /** A completion within the budget: keep the rest, or these edges alive and the rest `null`. */
  #witness: Completion;
  /** For each target that `allows` has allowed for the next edge: a completion behind it. */
  readonly #pending = new Map<number, Completion>();

  constructor(space: ActionSpace, budget: Budget) {
    checkBudget(budget);
    this.#space = space;
    this.#budget = budget;
    const { priced, edges } = space;
    const nothing = Int16Array.from(priced.operations, (operation) => (operation === FIXED ? FIXED : NULL));
    ({ params: this.#params, macs: this.#macs } = priced.costOf(nothing));
    this.#keptParams = new Float64Array(edges.length + 1);
    this.#keptMacs = new Float64Array(edges.length + 1);
    this.#positions = new Int32Array(priced.operations.length).fill(-1);
    for (let at = edges.length - 1; at >= 0; at--) {
      const cost = priced.edgeCost(edges[at]!, priced.operations[edges[at]!]!);
      this.#keptParams[at] = this.#keptParams[at + 1]! + cost.params;
      this.#keptMacs[at] = this.#keptMacs[at + 1]! + cost.macs;
      this.#positions[edges[at]!] = at;
    }
    this.#liveOptions = Array.from(priced.operations, (operation, flat) =>
      operation === NULL ? undefined : operation === FIXED ? NOTHING : this.#options(flat),
    );
    const { cells } = priced.architecture;
    this.#later = new Array<Frontier>(cells.length).fill(NOTHING);
    let sum = NOTHING;
    for (let cell = cells.length - 1; cell >= 0; cell--) {
      this.#later[cell] = sum;
      sum = addFrontiers(
        sum,
        cheapestCompletion(cells[cell]!, space.guards[cell]!, (edge) => this.#liveOptions[priced.offsets[cell]! + edge]),
      );
    }
    const least = this.#fitting(0, 0, sum);
    if (least === undefined)
      throw unreachable(
        budget,
        sum.map(({ params, macs }) => ({ params: params + this.#params, macs: macs + this.#macs })),
      );
    this.#witness = choicesOf(least);
  }

  /** True where some completion after this decision is within the budget. */
  allows(at: number, target: number, cell: number, operations: Int16Array): boolean {
    const { priced, edges, guards } = this.#space;
    const flat = edges[at]!;
    const { params, macs } = priced.edgeCost(flat, target);
    if (withinBudget(this.#params + params + this.#keptParams[at + 1]!, this.#macs + macs + this.#keptMacs[at + 1]!, this.#budget)) {
      this.#pending.set(target, 'keep');
      return true;
    }
    const offset = priced.offsets[cell]!;
    const completion = cheapestCompletion(priced.architecture.cells[cell]!, guards[cell]!, (edge) => {
      const each = offset + edge;
      if (each === flat) return target === NULL ? undefined : NOTHING;
      const position = this.#positions[each]!;
      if (position === -1) return NOTHING; // fixed
      if (position < at) return operations[each] === NULL ? undefined : NOTHING;
      return this.#liveOptions[each];
    });
    const fitting = this.#fitting(params, macs, addFrontiers(completion, this.#later[cell]!));
    if (fitting !== undefined) this.#pending.set(target, choicesOf(fitting));
    else if (target === (this.#witness === 'keep' ? operations[flat] : (this.#witness.get(flat) ?? NULL))) this.#pending.set(target, this.#witness);
    else return false;
    return true;
  }

  spend(at: number, target: number): void {
    const { params, macs } = this.#space.priced.edgeCost(this.#space.edges[at]!, target);
    this.#params += params;
    this.#macs += macs;
    this.#witness = this.#pending.get(target) ?? this.#witness;
    this.#pending.clear();
  }

  #fitting(params: number, macs: number, rest: Frontier): Expense | undefined {
    return rest.find((expense) => withinBudget(this.#params + params + expense.params, this.#macs + macs + expense.macs, this.#budget));
  }

  #options(flat: number): Frontier {
    const { priced, legal } = this.#space;
    const at = this.#positions[flat]!;
    const row = this.#space.row(at);
    const expenses = [...row].flatMap((target, position) =>
      target !== NULL && legal[at]![position] === 1 ? [{ ...priced.edgeCost(flat, target), choice: { edge: flat, target } }] : [],
    );
    return paretoFrontier(expenses);
  }
}
