import type { TensorType } from '../graph/tensor-type.ts';
import { single } from './activation.ts';
import { OperatorError, type Operator } from './operator.ts';

function inFeatures(input: TensorType): number {
  const features = input.shape.at(-1);
  if (input.shape.length !== 2 || typeof features !== 'number') throw new OperatorError(`reads [N, features], not [${input.shape.join(', ')}]`);
  return features;
}

/** y = x W^T + b. x: [N, in], W: [out, in] */
export const linear: Operator<'linear'> = {
  infer: ({ outFeatures }, inputs) => {
    const input = single(inputs);
    inFeatures(input);
    return { dtype: input.dtype, shape: ['N', outFeatures] };
  },
  weights: ({ outFeatures, bias }, inputs) => {
    const features = inFeatures(inputs[0]!);
    const initial = { kind: 'uniform', fanIn: features } as const;
    const weight = { role: 'weight', shape: [outFeatures, features], trainable: true, initial } as const;
    return bias ? [weight, { role: 'bias', shape: [outFeatures], trainable: true, initial }] : [weight];
  },
  macs: ({ outFeatures }, inputs) => outFeatures * inFeatures(inputs[0]!),
  label: ({ outFeatures }) => `linear ${outFeatures}`,
};
