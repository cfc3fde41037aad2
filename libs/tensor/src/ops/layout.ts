/**
 * Weights outside TensorFlow have PyTorch's layout, so that a file of them is what the official code calls them: convolutions
 * [out, in, height, width] (depthwise [channels, 1, height, width]), linear layers [out, in].
 */
import type { HostTensor } from '../files/tensor-file.ts';

export type WeightKind = 'convolution' | 'depthwise' | 'linear' | 'vector';

/** Dimension d of the native tensor is dimension ORDER[kind][d] of PyTorch's. */
const ORDER: Readonly<Record<WeightKind, readonly number[]>> = {
  convolution: [2, 3, 1, 0], // [height, width, in, out]
  depthwise: [2, 3, 0, 1], // [height, width, channels, 1]
  linear: [1, 0], // [in, out]
  vector: [0],
};

/** From PyTorch's layout to the one that the layers here take. */
export function toNative(kind: WeightKind, tensor: HostTensor): HostTensor {
  return permute(tensor, ORDER[kind]);
}

/** From the layout that the layers here take to PyTorch's. */
export function fromNative(kind: WeightKind, tensor: HostTensor): HostTensor {
  const order = ORDER[kind];
  return permute(
    tensor,
    order.map((_, d) => order.indexOf(d)),
  );
}

/** Images or activations [batch, channels, height, width] -> [batch, height, width, channels]. */
export function toChannelsLast(tensor: HostTensor): HostTensor {
  return permute(tensor, [0, 2, 3, 1]);
}

/** Images or activations [batch, height, width, channels] -> [batch, channels, height, width]. */
export function toChannelsFirst(tensor: HostTensor): HostTensor {
  return permute(tensor, [0, 3, 1, 2]);
}

function permute({ shape, data }: HostTensor, order: readonly number[]): HostTensor {
  if (shape.length !== order.length) throw new RangeError(`a tensor of ${order.length} dimensions is needed, not [${shape.join(', ')}]`);
  const strides = shape.map((_, d) => shape.slice(d + 1).reduce((product, size) => product * size, 1));
  const outShape = order.map((d) => shape[d]!);
  const outStrides = order.map((d) => strides[d]!);
  const out = new Float32Array(data.length);
  const index = new Array<number>(order.length).fill(0);
  let from = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[from]!;
    for (let d = order.length - 1; d >= 0; d--) {
      from += outStrides[d]!;
      index[d]!++;
      if (index[d]! < outShape[d]!) break;
      from -= outStrides[d]! * outShape[d]!;
      index[d] = 0;
    }
  }
  return { shape: outShape, data: out };
}
