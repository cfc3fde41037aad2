import { single, sizeAt } from './inputs.ts';
import type { Operator, WeightSpec } from './operator.ts';

/** y = (x - mean) / sqrt(variance + epsilon), times weight plus bias where it is affine; a number of each a channel, which is axis 1. */
export const batchNorm: Operator<'batch_norm'> = {
  infer: (_, inputs) => {
    sizeAt(single(inputs), 1);
    return single(inputs);
  },
  weights: ({ affine }, inputs) => {
    const channels = sizeAt(single(inputs), 1);
    const vector = (role: WeightSpec['role'], value: number): WeightSpec => ({
      role,
      shape: [channels],
      trainable: role === 'weight' || role === 'bias',
      initial: { kind: 'constant', value },
    });
    return [...(affine ? [vector('weight', 1), vector('bias', 0)] : []), vector('running_mean', 0), vector('running_var', 1)];
  },
  label: () => 'batch norm',
};
