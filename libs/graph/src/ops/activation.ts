import type { TensorType } from '../graph/graph.ts';
import { OperatorError, type Operator } from './operator.ts';

/** Functions of one number each, by name. */
export const ACTIVATION_FUNCTIONS = {
  relu: { formula: 'max(x, 0)' },
  relu6: { formula: 'min(max(x, 0), 6)' },
} as const satisfies Readonly<Record<string, { readonly formula: string }>>;

export type ActivationFunction = keyof typeof ACTIVATION_FUNCTIONS;

/** True for the name of an activation function. */
export function isActivationFunction(name: string): name is ActivationFunction {
  return Object.hasOwn(ACTIVATION_FUNCTIONS, name);
}

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
