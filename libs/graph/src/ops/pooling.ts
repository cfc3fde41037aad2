import { imageShape, imageType } from '../graph/tensor-type.ts';
import { single } from './activation.ts';
import { windowedSize } from './convolution.ts';
import { kernelLabel, strideLabel, type Operator } from './operator.ts';

function pool(name: string): Operator<'max_pool'> & Operator<'avg_pool'> {
  return {
    infer: ({ kernel, stride, padding }, inputs) => {
      const [channels, height, width] = imageShape(single(inputs));
      return imageType(channels, ...windowedSize([height, width], kernel, stride, padding, [1, 1]));
    },
    label: ({ kernel, stride }) => `${name} ${kernelLabel(kernel)}${strideLabel(stride)}`,
  };
}

export const maxPool: Operator<'max_pool'> = pool('max pool');
export const avgPool: Operator<'avg_pool'> = pool('avg pool');

export const globalAvgPool: Operator<'global_avg_pool'> = {
  infer: (_, inputs) => imageType(imageShape(single(inputs))[0], 1, 1),
  label: () => 'global avg pool',
};
