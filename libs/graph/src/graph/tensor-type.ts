/** Types of the tensors in a graph. */

/** `N` is the number of images of a batch, which no graph fixes. */
export type Dimension = number | 'N';

export type DataType = 'f32' | 'f16' | 'bf16' | 'f64' | 'i8' | 'u8' | 'i32' | 'i64' | 'bool';

/** Images are laid out as in ONNX: [N, channels, height, width]. */
export interface TensorType {
  readonly dtype: DataType;
  readonly shape: readonly Dimension[];
}

const FLOAT_BYTES = 4;

/** Channels, height and width of a batch of images. @throws TypeError for a tensor of another rank */
export function imageShape({ shape }: TensorType): readonly [channels: number, height: number, width: number] {
  const [, channels, height, width] = shape;
  if (shape.length !== 4 || typeof channels !== 'number' || typeof height !== 'number' || typeof width !== 'number') {
    throw new TypeError(`[${shape.join(', ')}] is no batch of images`);
  }
  return [channels, height, width];
}

/** A batch of float32 images: [N, channels, height, width]. */
export function imageType(channels: number, height: number, width = height): TensorType {
  return { dtype: 'f32', shape: ['N', channels, height, width] };
}

/** Numbers in one image's share of a tensor: N counts as 1. */
export function elementsPerImage({ shape }: TensorType): number {
  return shape.reduce<number>((product, size) => product * (size === 'N' ? 1 : size), 1);
}

/** Bytes of one image's share of a tensor, held as float32 whatever its type. */
export function activationBytes(type: TensorType): number {
  return FLOAT_BYTES * elementsPerImage(type);
}

/** True where two tensors have the same type. */
export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((size, axis) => size === b.shape[axis]);
}
