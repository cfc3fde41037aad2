/** What operators ask of the values that they read and of their attributes. */
import type { Dimension, TensorType } from '../graph/tensor-type.ts';
import { OperatorError } from './operator.ts';

/** The one input's type. @throws OperatorError for none or several */
export function single(inputs: readonly TensorType[]): TensorType {
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0) throw new OperatorError(`reads one value, not ${inputs.length}`);
  return input;
}

/** Channels, height and width of the one input. @throws OperatorError where it is no batch of images */
export function singleImage(inputs: readonly TensorType[]): readonly [channels: number, height: number, width: number] {
  const { shape } = single(inputs);
  const [, channels, height, width] = shape;
  if (shape.length !== 4 || typeof channels !== 'number' || typeof height !== 'number' || typeof width !== 'number') {
    throw new OperatorError(`reads [N, channels, height, width], not ${shapeText(shape)}`);
  }
  return [channels, height, width];
}

/** The one input's type with other channels and sides. */
export function imageLike(inputs: readonly TensorType[], channels: number, height: number, width: number): TensorType {
  const { dtype, shape } = single(inputs);
  return { dtype, shape: [shape[0]!, channels, height, width] };
}

/** The size of an axis. @throws OperatorError for the batch and for an axis that is not there */
export function sizeAt({ shape }: TensorType, axis: number): number {
  const size = shape[axis];
  if (typeof size !== 'number') throw new OperatorError(`axis ${axis} of ${shapeText(shape)} has no known size`);
  return size;
}

/** @throws OperatorError for anything but integers from `least` on */
export function checkIntegers(what: string, values: readonly number[], least: number): void {
  for (const value of values) if (!Number.isInteger(value) || value < least) throw new OperatorError(`${what} ${value} is not an integer from ${least} on`);
}

/** `[N, 3, 32, 32]` */
export function shapeText(shape: readonly Dimension[]): string {
  return `[${shape.join(', ')}]`;
}
