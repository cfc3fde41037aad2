import type { TensorType } from '../graph/tensor-type.ts';
import { checkIntegers, single, shapeText } from './inputs.ts';
import { OperatorError, type Operator } from './operator.ts';

function inFeatures(input: TensorType): number {
  const features = input.shape.at(-1);
  if (input.shape.length !== 2 || typeof features !== 'number') throw new OperatorError(`reads [N, features], not ${shapeText(input.shape)}`);
  return features;
}

/** y = x W^T + b. x: [N, in], W: [out, in] */
export const linear: Operator<'linear'> = {
  infer: ({ outFeatures }, inputs) => {
    const input = single(inputs);
    inFeatures(input);
    checkIntegers('a number of features of', [outFeatures], 1);
    return { dtype: input.dtype, shape: [input.shape[0]!, outFeatures] };
  },
  weights: ({ outFeatures, bias }, inputs) => {
    const features = inFeatures(inputs[0]!);
    const initial = { kind: 'uniform', fanIn: features } as const;
    const weight = { role: 'weight', shape: [outFeatures, features], trainable: true, initial } as const;
    return bias ? [weight, { role: 'bias', shape: [outFeatures], trainable: true, initial }] : [weight];
  },
  macs: ({ outFeatures }, inputs) => outFeatures * inFeatures(inputs[0]!),
  keepsZero: ({ bias }) => !bias,
  label: ({ outFeatures }) => `linear ${outFeatures}`,
};
