import type { Dimension } from '../graph/tensor-type.ts';
import { checkIntegers, shapeText, single, sizeAt } from './inputs.ts';
import { OperatorError, type Operator } from './operator.ts';

export const concat: Operator<'concat'> = {
  infer: ({ axis }, inputs) => {
    const [first, ...others] = inputs;
    if (first === undefined) throw new OperatorError('reads at least one value');
    for (const other of others) {
      if (other.dtype !== first.dtype || other.shape.length !== first.shape.length || other.shape.some((size, at) => at !== axis && size !== first.shape[at])) {
        throw new OperatorError(`${shapeText(first.shape)} and ${shapeText(other.shape)} differ beside axis ${axis}`);
      }
    }
    const total = inputs.reduce((sum, input) => sum + sizeAt(input, axis), 0);
    return { dtype: first.dtype, shape: first.shape.map((size, at) => (at === axis ? total : size)) };
  },
  keepsZero: () => true,
  label: () => 'concat',
};

export const slice: Operator<'slice'> = {
  infer: ({ axes, starts, ends, steps }, inputs) => {
    const input = single(inputs);
    if ([starts, ends, steps].some(({ length }) => length !== axes.length) || new Set(axes).size < axes.length) {
      throw new OperatorError(`needs a start, an end and a step for each of the axes ${axes.join(', ')}`);
    }
    const shape: Dimension[] = [...input.shape];
    axes.forEach((axis, i) => {
      const size = sizeAt(input, axis);
      const [start, end, step] = [Math.min(starts[i]!, size), Math.min(ends[i]!, size), steps[i]!];
      if (start < 0 || step < 1 || end <= start) throw new OperatorError(`axis ${axis} of ${size} has nothing from ${start} to ${end} by ${step}`);
      shape[axis] = Math.ceil((end - start) / step);
    });
    return { dtype: input.dtype, shape };
  },
  keepsZero: () => true,
  label: ({ steps }) => (steps.every((step) => step === 1) ? 'slice' : `slice /${Math.max(...steps)}`),
};

export const pad: Operator<'pad'> = {
  infer: ({ before, after }, inputs) => {
    const input = single(inputs);
    if (before.length !== input.shape.length || after.length !== input.shape.length)
      throw new OperatorError(`pads ${before.length} axes of ${input.shape.length}`);
    checkIntegers('a padding of', [...before, ...after], 0);
    const shape = input.shape.map((size, axis) => {
      const zeros = before[axis]! + after[axis]!;
      return zeros === 0 ? size : sizeAt(input, axis) + zeros;
    });
    return { dtype: input.dtype, shape };
  },
  keepsZero: () => true,
  label: () => 'pad',
};

export const flatten: Operator<'flatten'> = {
  infer: (_, inputs) => {
    const input = single(inputs);
    const [batch = 'N', ...rest] = input.shape;
    return { dtype: input.dtype, shape: [batch, rest.reduce<number>((product, _size, axis) => product * sizeAt(input, axis + 1), 1)] };
  },
  keepsZero: () => true,
  label: () => 'flatten',
};

export const softmax: Operator<'softmax'> = {
  infer: ({ axis }, inputs) => {
    sizeAt(single(inputs), axis);
    return single(inputs);
  },
  label: () => 'softmax',
};

export const identity: Operator<'identity'> = { infer: (_, inputs) => single(inputs), keepsZero: () => true, label: () => 'identity' };
export const zero: Operator<'zero'> = { infer: ({ type }) => type, keepsZero: () => true, label: () => 'zero' };

export const opaque: Operator<'opaque'> = {
  infer: ({ type }) => type,
  macs: ({ macs }) => macs,
  undeclaredParams: ({ params }) => params,
  label: ({ operator }) => operator,
};
