import { single } from './inputs.ts';
import type { Operator } from './operator.ts';

export const activation: Operator<'activation'> = {
  infer: (_, inputs) => single(inputs),
  keepsZero: () => true,
  label: ({ function: name }) => name,
};
