import { windowedSize } from './convolution.ts';
import { imageLike, singleImage } from './inputs.ts';
import { kernelLabel, OperatorError, strideLabel, type Operator } from './operator.ts';

function pool(name: string): Operator<'max_pool'> & Operator<'avg_pool'> {
  return {
    infer: ({ kernel, stride, padding }, inputs) => {
      const [channels, height, width] = singleImage(inputs);
      const [top, left, bottom, right] = padding;
      if (Math.max(top, bottom) >= kernel[0] || Math.max(left, right) >= kernel[1]) {
        throw new OperatorError(`a window of ${kernelLabel(kernel)} would hold nothing but padding of ${padding.join(', ')}`);
      }
      return imageLike(inputs, channels, ...windowedSize([height, width], kernel, stride, padding, [1, 1]));
    },
    keepsZero: () => true,
    label: ({ kernel, stride }) => `${name} ${kernelLabel(kernel)}${strideLabel(stride)}`,
  };
}

export const maxPool: Operator<'max_pool'> = pool('max pool');
export const avgPool: Operator<'avg_pool'> = pool('avg pool');

export const globalAvgPool: Operator<'global_avg_pool'> = {
  infer: (_, inputs) => imageLike(inputs, singleImage(inputs)[0], 1, 1),
  keepsZero: () => true,
  label: () => 'global avg pool',
};
