import type { TensorType } from '../graph/tensor-type.ts';
import { OperatorError, type Operator } from './operator.ts';

export const activation: Operator<'activation'> = {
  infer: (_, inputs) => single(inputs),
  label: ({ function: name }) => name,
};

/** The one input's type. */
export function single(inputs: readonly TensorType[]): TensorType {
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0) throw new OperatorError(`reads one value, not ${inputs.length}`);
  return input;
}
