/** The operations of edges: made, named, compared and replaced. */
import type { Activation } from '../primitives/module-builder.ts';
import { takesActivation } from '../primitives/operations.ts';
import type { PrimitiveName } from '../primitives/primitives.ts';
import type { Operation, PrimitiveOperation } from './types.ts';

/** A primitive operation; `activation` is left out where it is the default. */
export function primitive(name: PrimitiveName, activation?: Activation): PrimitiveOperation {
  return activation === undefined || activation === 'relu' ? { kind: 'primitive', name } : { kind: 'primitive', name, activation };
}

/** `operation` replaced by `name`, keeping its activation where the new operation applies one. */
export function replaceOperation(operation: PrimitiveOperation, name: PrimitiveName): PrimitiveOperation {
  if (operation.name === name) return operation;
  return takesActivation(name) ? primitive(name, operation.activation) : primitive(name);
}

/** The name an operation shows: the primitive's, or the fixed operation's own. */
export function operationLabel(operation: Operation): string {
  return operation.name;
}

/** True where two operations compute the same function with the same declared cost. */
export function sameOperation(a: Operation, b: Operation): boolean {
  if (a.kind === 'primitive') return b.kind === 'primitive' && a.name === b.name && (a.activation ?? 'relu') === (b.activation ?? 'relu');
  return b.kind === 'fixed' && a.name === b.name && a.params === b.params && a.macs === b.macs;
}
