import { applyOperations, editsTo, type Architecture, type EdgeEdit, type PrimitiveName } from '@nat/cells';
import { certify, type CostCertificate } from '../mdp/certificate.ts';
import type { Budget } from '../mdp/budget.ts';
import type { Environment } from '../mdp/environment.ts';

/** What a draw decided for one edge. */
export interface SampledEdge {
  /** Positions in the submitted form. */
  readonly cell: number;
  readonly edge: number;
  readonly before: PrimitiveName;
  readonly after: PrimitiveName;
  /** Of the action taken, 0..1. */
  readonly probability: number;
}

/** What a policy decided about one environment. */
export interface Decided {
  readonly environment: Environment;
  /** One a decision: position in its row of the scheme. */
  readonly actions: Uint8Array;
  /** A primitive index on every edge, cell after cell. */
  readonly operations: Int16Array;
  /** Of each action, given the earlier ones where edges were decided one after the other. [decisions] */
  readonly probabilities: Float64Array;
  /** Natural logarithm of the probability of the actions (of the `pair` encoder: with its unnormalised floor). */
  readonly logProb: number;
  /** Sum of the entropies of the decisions, given the earlier ones where edges were decided one after the other, nats. */
  readonly entropy: number;
  readonly budget: Budget | undefined;
}

/** One transform of a environment. What is not asked for is not built. */
export class SampledTransform {
  readonly #decided: Decided;
  #result: Architecture | undefined;
  #certificate: CostCertificate | undefined;

  constructor(decided: Decided) {
    this.#decided = decided;
  }

  get environment(): Environment {
    return this.#decided.environment;
  }

  /** One a decision: position in its row of the scheme. */
  get actions(): Uint8Array {
    return this.#decided.actions;
  }

  /** Natural logarithm of the probability of the actions (of the `pair` encoder: with its unnormalised floor). */
  get logProb(): number {
    return this.#decided.logProb;
  }

  /** Sum of the entropies of the decisions, each given the earlier ones, nats. */
  get entropy(): number {
    return this.#decided.entropy;
  }

  /** Every edge that could have been replaced, kept ones included. */
  get edges(): readonly SampledEdge[] {
    const { environment, actions, probabilities } = this.#decided;
    return Array.from(actions, (action, d) => {
      const { cell, edge } = environment.edgeOf(d);
      return { cell, edge, before: operationAt(environment, cell, edge), after: environment.target(d, action), probability: probabilities[d]! };
    });
  }

  /** The edges that were replaced. */
  get edits(): readonly EdgeEdit[] {
    return editsTo(this.environment.architecture, this.#decided.operations);
  }

  /** The transformed architecture, without the source's name; the source itself where nothing was replaced. */
  get result(): Architecture {
    this.#result ??= applyOperations(this.environment.architecture, this.#decided.operations);
    return this.#result;
  }

  /** What the result costs, against its source and the budget. */
  get certificate(): CostCertificate {
    this.#certificate ??= certify(this.environment.space.priced, this.#decided.operations, this.#decided.budget);
    return this.#certificate;
  }
}

function operationAt(environment: Environment, cell: number, edge: number): PrimitiveName {
  const { operation } = environment.architecture.cells[cell]!.edges[edge]!;
  if (operation.kind === 'fixed') throw new TypeError('a fixed operation is never decided');
  return operation.name;
}
