import { sameType, type Dimension, type TensorType } from '../graph/tensor-type.ts';
import { shapeText } from './inputs.ts';
import { OperatorError, type Operator } from './operator.ts';

/** The shape that both are repeated to, from the last axis on: sizes are equal, or one is 1. */
function broadcast(a: readonly Dimension[], b: readonly Dimension[]): readonly Dimension[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a.at(i - rank) ?? 1, b.at(i - rank) ?? 1];
    if (i < rank - a.length) return y;
    if (i < rank - b.length) return x;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw new OperatorError(`${shapeText(a)} and ${shapeText(b)} do not match`);
  });
}

function binaryType(inputs: readonly TensorType[]): TensorType {
  const [a, b, ...others] = inputs;
  if (a === undefined || b === undefined || others.length > 0) throw new OperatorError(`reads two values, not ${inputs.length}`);
  if (a.dtype !== b.dtype) throw new OperatorError(`reads values of one type, not ${a.dtype} and ${b.dtype}`);
  return { dtype: a.dtype, shape: broadcast(a.shape, b.shape) };
}

export const add: Operator<'add'> = { infer: (_, inputs) => binaryType(inputs), keepsZero: () => true, label: () => 'add' };
export const mul: Operator<'mul'> = { infer: (_, inputs) => binaryType(inputs), keepsZero: () => true, label: () => 'mul' };

export const sum: Operator<'sum'> = {
  infer: (_, inputs) => {
    const [first, ...others] = inputs;
    if (first === undefined) throw new OperatorError('reads at least one value');
    for (const other of others) {
      if (!sameType(first, other))
        throw new OperatorError(`sums values of one type, not ${first.dtype} ${shapeText(first.shape)} and ${other.dtype} ${shapeText(other.shape)}`);
    }
    return first;
  },
  keepsZero: () => true,
  label: () => 'sum',
};
