import { replaceOperation, type Architecture, type EdgeEdit, type PrimitiveName } from '@nat/architecture';
import type { Subject } from './subject.ts';

/** What a draw decided for one edge. */
export interface DrawnEdge {
  readonly cell: number;
  readonly edge: number;
  readonly before: PrimitiveName;
  readonly after: PrimitiveName;
  /** Of the action taken, given the earlier ones, 0..1. */
  readonly probability: number;
}

/** One transform of a subject. What is not asked for is not built. */
export class Draw {
  readonly subject: Subject;
  /** One an edge of `subject.decisions`: position in its `targets`. [decisions] */
  readonly actions: Int32Array;
  /** Natural logarithm of the probability of the actions (of the `pair` encoder: with its unnormalised floor). */
  readonly logProb: number;
  /** Sum of the entropies of the decisions, each given the earlier ones, nats. */
  readonly entropy: number;
  readonly #probabilities: Float64Array;
  #result: Architecture | undefined;

  constructor(subject: Subject, actions: Int32Array, probabilities: Float64Array, logProb: number, entropy: number) {
    this.subject = subject;
    this.actions = actions;
    this.#probabilities = probabilities;
    this.logProb = logProb;
    this.entropy = entropy;
  }

  /** Every edge that could have been replaced, kept ones included. */
  get edges(): readonly DrawnEdge[] {
    return this.subject.decisions.map(({ cell, edge, before, targets }, d) => ({
      cell,
      edge,
      before,
      after: targets[this.actions[d]!]!,
      probability: this.#probabilities[d]!,
    }));
  }

  /** The edges that were replaced. */
  get edits(): readonly EdgeEdit[] {
    return editsOf(this.subject, this.actions);
  }

  /** The transformed architecture: the same cells with other operations, without the source's name; the source itself where nothing was replaced. */
  get result(): Architecture {
    this.#result ??= resultOf(this.subject, this.actions);
    return this.#result;
  }
}

/** The replacements that actions stand for. */
export function editsOf({ decisions }: Subject, actions: ArrayLike<number>): readonly EdgeEdit[] {
  const edits: EdgeEdit[] = [];
  for (let d = 0; d < decisions.length; d++) {
    const { cell, edge, before, targets } = decisions[d]!;
    const after = targets[actions[d]!]!;
    if (after !== before) edits.push({ cell, edge, before, after });
  }
  return edits;
}

function resultOf({ architecture, decisions }: Subject, actions: ArrayLike<number>): Architecture {
  const after = new Map<string, PrimitiveName>();
  for (let d = 0; d < decisions.length; d++) {
    const { cell, edge, before, targets } = decisions[d]!;
    const target = targets[actions[d]!]!;
    if (target !== before) after.set(`${cell}/${edge}`, target);
  }
  if (after.size === 0) return architecture;
  const cells = architecture.cells.map((cell, c) => ({
    ...cell,
    edges: cell.edges.map((edge, e) => {
      const target = after.get(`${c}/${e}`);
      return target === undefined || edge.operation.kind === 'fixed' ? edge : { ...edge, operation: replaceOperation(edge.operation, target) };
    }),
  }));
  return { cells, skeleton: architecture.skeleton };
}
