/**
 * Architectures as NNI exports them from its DARTS space: one member a choice, `normal/op_2_0` the operation and `normal/input_2_0` the input of the first edge
 * into node 2. All nodes of a cell are concatenated.
 */
import { DomainError, type FieldViolation } from '@nat/base/errors';
import { primitive } from '../cell/operation.ts';
import type { Architecture, Cell, Edge } from '../cell/types.ts';
import { validateArchitecture } from '../cell/validate.ts';
import { primitiveNamed, unknownOperation } from './operation-names.ts';

const CHOICE = /^(normal|reduce)\/(op|input)_(\d+)_(\d+)$/;
const CELLS = ['normal', 'reduce'] as const;
const INPUTS = 2;

/** Whether a parsed JSON value has NNI's members. */
export function isNniExport(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).some((key) => CHOICE.test(key));
}

/** @throws DomainError INVALID_ARGUMENT: reason INVALID_JSON with every member that does not fit, INVALID_ARCHITECTURE for cells that are not well formed */
export function architectureFromNni(value: Readonly<Record<string, unknown>>, root: string): Architecture {
  const violations: FieldViolation[] = [];
  const edges = { normal: new Map<string, Partial<Edge> & { readonly to: number }>(), reduce: new Map<string, Partial<Edge> & { readonly to: number }>() };
  for (const [key, choice] of Object.entries(value)) {
    const [, cell, what, node, edge] = CHOICE.exec(key) ?? [];
    const given: unknown = Array.isArray(choice) && choice.length === 1 ? choice[0] : choice;
    const refuse = (description: string): void => void violations.push({ field: `${root}[${JSON.stringify(key.slice(0, 64))}]`, description });
    if (cell === undefined) {
      refuse('is no choice of a cell, such as normal/op_2_0 or reduce/input_3_1');
      continue;
    }
    const place = `${String(node)}/${String(edge)}`;
    const known = edges[cell as (typeof CELLS)[number]];
    const before = known.get(place) ?? { to: Number(node) };
    if (what === 'input') {
      if (Number.isInteger(given)) known.set(place, { ...before, from: given as number });
      else refuse('is the number of a node, or a list of one');
      continue;
    }
    const name = typeof given === 'string' ? primitiveNamed(given) : undefined;
    if (name === undefined) refuse(typeof given === 'string' ? unknownOperation(given) : 'is the name of an operation');
    else known.set(place, { ...before, operation: primitive(name) });
  }
  const cells = CELLS.map((name): Cell => {
    const placed = [...edges[name]].sort(([a], [b]) => compare(a, b));
    const whole = placed.flatMap(([place, { from, to, operation }]): Edge[] => {
      if (from !== undefined && operation !== undefined) return [{ from, to, operation }];
      const [node, edge] = place.split('/');
      violations.push({ field: root, description: `${name}/${from === undefined ? 'input' : 'op'}_${String(node)}_${String(edge)} is missing` });
      return [];
    });
    const nodes = [...new Set(whole.map(({ to }) => to))].sort((a, b) => a - b);
    return { name, inputs: INPUTS, nodes: Math.max(INPUTS, ...nodes) + 1, edges: whole, output: { kind: 'concat', nodes } };
  });
  if (violations.length > 0) throw DomainError.invalidFields(violations.slice(0, 64), 'INVALID_JSON');
  const architecture: Architecture = { cells, skeleton: { kind: 'repeated' } };
  validateArchitecture(architecture, root);
  return architecture;
}

/** By node, then by edge. */
function compare(a: string, b: string): number {
  const [nodeA = 0, edgeA = 0] = a.split('/').map(Number);
  const [nodeB = 0, edgeB = 0] = b.split('/').map(Number);
  return nodeA - nodeB || edgeA - edgeB;
}
