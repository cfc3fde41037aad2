import { applyOperations, editsTo, type Architecture, type EdgeEdit, type PrimitiveName } from '@nat/cells';
import { certify, type CostCertificate } from '../mdp/certificate.ts';
import type { Budget } from '../mdp/budget.ts';
import type { Subject } from '../mdp/environment.ts';

/** What a draw decided for one edge. */
export interface DrawnEdge {
  /** Positions in the submitted form. */
  readonly cell: number;
  readonly edge: number;
  readonly before: PrimitiveName;
  readonly after: PrimitiveName;
  /** Of the action taken, given the earlier ones, 0..1. */
  readonly probability: number;
}

/** What a policy decided about one subject. */
export interface Decided {
  readonly subject: Subject;
  /** One a decision: position in its row of the scheme. */
  readonly actions: Uint8Array;
  /** A primitive index on every edge, cell after cell. */
  readonly operations: Int8Array;
  /** Of each action, given the earlier ones. [decisions] */
  readonly probabilities: Float64Array;
  /** Natural logarithm of the probability of the actions (of the `pair` encoder: with its unnormalised floor). */
  readonly logProb: number;
  /** Sum of the entropies of the decisions, each given the earlier ones, nats. */
  readonly entropy: number;
  readonly budget: Budget | undefined;
}

/** One transform of a subject. What is not asked for is not built. */
export class Draw {
  readonly #decided: Decided;
  #result: Architecture | undefined;
  #certificate: CostCertificate | undefined;

  constructor(decided: Decided) {
    this.#decided = decided;
  }

  get subject(): Subject {
    return this.#decided.subject;
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
  get edges(): readonly DrawnEdge[] {
    const { subject, actions, probabilities } = this.#decided;
    return Array.from(actions, (action, d) => {
      const { cell, edge } = subject.edgeOf(d);
      return { cell, edge, before: operationAt(subject, cell, edge), after: subject.target(d, action), probability: probabilities[d]! };
    });
  }

  /** The edges that were replaced. */
  get edits(): readonly EdgeEdit[] {
    return editsTo(this.subject.architecture, this.#decided.operations);
  }

  /** The transformed architecture, without the source's name; the source itself where nothing was replaced. */
  get result(): Architecture {
    this.#result ??= applyOperations(this.subject.architecture, this.#decided.operations);
    return this.#result;
  }

  /** What the result costs, against its source and the budget. */
  get certificate(): CostCertificate {
    this.#certificate ??= certify(this.subject.space.priced, this.#decided.operations, this.#decided.budget);
    return this.#certificate;
  }
}

function operationAt(subject: Subject, cell: number, edge: number): PrimitiveName {
  const { operation } = subject.architecture.cells[cell]!.edges[edge]!;
  if (operation.kind === 'fixed') throw new TypeError('a fixed operation is never decided');
  return operation.name;
}
