/** Cells as the `pair` encoder sees them: two inputs, and nodes of exactly two edges. */
import type { PrimitiveName } from '@nat/architecture';
import { DomainError } from '@nat/errors';
import type { PairConfig } from './pair-encoder.ts';
import type { Decision, Subject } from './subject.ts';

/** One architecture. Node rows: two inputs a cell, then every cell's own nodes, cells in order. */
export interface PairRows {
  readonly cells: number;
  readonly nodes: number;
  /** Embedding rows of each own node's first and second operation, in presented order. [nodes] */
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** Node rows of every edge. [2 nodes] */
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Row of a decision's scores in the logits [2 nodes, columns]. [decisions] */
  readonly logitRowOfDecision: Int32Array;
}

function notApplicable(message: string): DomainError {
  return new DomainError('FAILED_PRECONDITION', `this policy reads cells of two inputs and two edges a node: ${message}`, { reason: 'POLICY_NOT_APPLICABLE' });
}

/** Column of the logits that scores candidate `k` of a decision. NAT: null, same, skip; NAT++: the target operation. */
export function pairColumnOf({ scheme, primitives }: PairConfig, mode: Subject['mode'], { before, targets }: Decision, k: number): number {
  const target = targets[k]!;
  if (scheme === 'nat++') return primitives.indexOf(target);
  // In parity mode a skip has both "same" and "skip" (as a null has "null" and "same"): the position is the column.
  if (mode === 'parity') return k;
  return target === before ? 1 : target === 'null' ? 0 : 2;
}

/**
 * @throws DomainError FAILED_PRECONDITION, reason POLICY_NOT_APPLICABLE: another scheme, another in-degree, or an operation
 * that the policy has no embedding for
 */
export function pairRows(subject: Subject, config: PairConfig): PairRows {
  const { architecture, decisions, scheme } = subject;
  if (scheme !== config.scheme) throw notApplicable(`it decides by the scheme ${config.scheme}, not ${scheme}`);
  const rowOf = (name: PrimitiveName): number => {
    const row = config.primitives.indexOf(name);
    if (row < 0) throw notApplicable(`it does not know ${name}`);
    return row;
  };
  const cells = architecture.cells.length;
  const nodes = architecture.cells.reduce((sum, cell) => sum + cell.nodes - cell.inputs, 0);
  const first = new Int32Array(nodes).fill(-1);
  const second = new Int32Array(nodes).fill(-1);
  const from = new Int32Array(2 * nodes);
  const to = new Int32Array(2 * nodes);
  const logitRowOfDecision = new Int32Array(decisions.length);
  let own = 0; // own nodes of the cells before
  let edgeRow = 0;
  architecture.cells.forEach((cell, c) => {
    if (cell.inputs !== 2) throw notApplicable(`cell ${cell.name} has ${cell.inputs} inputs`);
    for (const { from: source, to: target, operation } of cell.edges) {
      if (operation.kind !== 'primitive') throw notApplicable(`${operation.name} is a fixed operation`);
      const node = own + target - 2;
      const slot = first[node]! < 0 ? 0 : 1;
      if (slot === 1 && second[node]! >= 0) throw notApplicable(`more than two edges enter node ${target} of cell ${cell.name}`);
      (slot === 0 ? first : second)[node] = rowOf(operation.name);
      from[edgeRow] = source < 2 ? 2 * c + source : 2 * cells + own + source - 2;
      to[edgeRow] = 2 * cells + node;
      logitRowOfDecision[edgeRow++] = 2 * node + slot;
    }
    own += cell.nodes - cell.inputs;
  });
  if (second.includes(-1)) throw notApplicable('a node has fewer than two edges');
  if (config.scheme === 'nat++') for (const { targets } of decisions) targets.forEach(rowOf);
  return { cells, nodes, first, second, from, to, logitRowOfDecision };
}
