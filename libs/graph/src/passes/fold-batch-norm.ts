import { readersOf } from '../graph/lifetimes.ts';
import type { Graph, Node, NodeOf, Value } from '../graph/graph.ts';
import { dropNodes } from './drop-nodes.ts';

/** Float32 numbers in the shape that the graph's weights have. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface Folded {
  readonly graph: Graph;
  readonly weights: ReadonlyMap<string, WeightTensor>;
}

/**
 * Batch normalisations that alone read a convolution become part of it, as exporters of trained networks do: with s = weight / sqrt(var + epsilon),
 * W <- s W and b <- s (b - mean) + bias. Inference gives the same, up to rounding. A convolution that shares its weights stays as it is.
 * @throws RangeError for weights that are not there
 */
export function foldBatchNorm(graph: Graph, weights: ReadonlyMap<string, WeightTensor>): Folded {
  const readers = readersOf(graph);
  const uses = new Map<string, number>();
  for (const { weights: keys } of graph.nodes) for (const key of keys) uses.set(key, (uses.get(key) ?? 0) + 1);
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  const folded = new Map(weights);
  const nodes: Node[] = [...graph.nodes];
  const renamed = new Map<Value, Value>(); // a folded normalisation's value -> its convolution's
  graph.nodes.forEach((node, index) => {
    const value = graph.inputs.length + index;
    const [reader] = readers[value]!;
    const norm = reader === undefined ? undefined : graph.nodes[reader]!;
    if (node.op !== 'conv' || norm?.op !== 'batch_norm' || readers[value]!.length > 1 || outputs.has(value)) return;
    if (node.weights.some((key) => uses.get(key)! > 1)) return;
    nodes[index] = fold(node, norm, folded);
    renamed.set(graph.inputs.length + reader!, value);
  });
  const current = (value: Value): Value => renamed.get(value) ?? value;
  const left = nodes.map((node) => ({ ...node, inputs: node.inputs.map(current) }));
  const ends = graph.outputs.map(({ name, value }) => ({ name, value: current(value) }));
  const result = dropNodes({ inputs: graph.inputs, nodes: left, outputs: ends }, (value) => renamed.has(value));
  // A normalisation that was folded may share its weights with one that was not.
  const needed = new Set(result.nodes.flatMap((node) => node.weights));
  for (const key of uses.keys()) if (!needed.has(key)) folded.delete(key);
  return { graph: result, weights: folded };
}

function fold(convolution: NodeOf<'conv'>, norm: NodeOf<'batch_norm'>, weights: Map<string, WeightTensor>): Node {
  const take = (key: string | undefined): WeightTensor => {
    const tensor = key === undefined ? undefined : weights.get(key);
    if (tensor === undefined) throw new RangeError(`there are no weights ${String(key)}`);
    return tensor;
  };
  const { affine, epsilon } = norm.attributes;
  const [gamma, beta, mean, variance] = affine ? norm.weights.map(take) : [undefined, undefined, ...norm.weights.map(take)];
  const [key, biasKey] = convolution.weights;
  const weight = take(key);
  const bias = biasKey === undefined ? undefined : take(biasKey);
  const channels = convolution.attributes.outChannels;
  const scale = Float64Array.from({ length: channels }, (_, c) => (gamma?.data[c] ?? 1) / Math.sqrt(variance!.data[c]! + epsilon));
  const each = weight.data.length / channels; // numbers of one output channel
  weights.set(key!, { shape: weight.shape, data: weight.data.map((value, at) => value * scale[Math.floor(at / each)]!) });
  const shift = Float32Array.from({ length: channels }, (_, c) => scale[c]! * ((bias?.data[c] ?? 0) - mean!.data[c]!) + (beta?.data[c] ?? 0));
  const newBias = biasKey ?? `${convolution.name}.bias`;
  weights.set(newBias, { shape: [channels], data: shift });
  return { ...convolution, attributes: { ...convolution.attributes, bias: true }, weights: [key!, newBias] };
}
