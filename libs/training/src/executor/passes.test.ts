/** Graphs before and after a pass compute the same. */
import { RandomStream } from '@nat/base/random';
import { lower, randomArchitecture, zooArchitecture, type LoweredArchitecture } from '@nat/cells';
import { foldBatchNorm, infer, simplify, weightSpecs, type Graph } from '@nat/graph';
import { loadTensorflow, type HostTensor } from '@nat/tensor';
import { describe, expect, it } from 'vitest';
import { compile } from './compile.ts';
import { Weights } from './weights.ts';

const tf = loadTensorflow();

/** Numbers as a trained network has them: weights of both signs, variances around 1. */
function trainedWeights(graph: Graph, seed: number): Map<string, HostTensor> {
  const types = infer(graph);
  const tensors = new Map<string, HostTensor>();
  for (const node of graph.nodes) {
    weightSpecs(
      node,
      node.inputs.map((value) => types[value]!),
    ).forEach(({ role, shape, initial }, at) => {
      const key = node.weights[at]!;
      const random = RandomStream.of(seed, key);
      const bound = initial.kind === 'uniform' ? 1 / Math.sqrt(initial.fanIn) : 0.3;
      const centre = role === 'running_var' || (node.op === 'batch_norm' && role === 'weight') ? 1 : 0;
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => centre + bound * (2 * random.uniform() - 1));
      tensors.set(key, { shape, data });
    });
  }
  return tensors;
}

/** All outputs for the same random images, in evaluation. */
function outputsOf(graph: Graph, tensors: ReadonlyMap<string, HostTensor>): Float32Array {
  const types = infer(graph);
  const [, channels, height, width] = graph.inputs[0]!.type.shape as readonly [string, number, number, number];
  const random = RandomStream.of('passes-test-images');
  const images = Float32Array.from({ length: 3 * channels * height * width }, () => random.normal());
  const weights = new Weights(tf, 0);
  weights.restore(tensors);
  return tf.tidy(() => {
    const outputs = compile(graph, { types }).run({ tf, weights, mode: 'eval' }, [tf.tensor4d(images, [3, height, width, channels])]);
    const numbers = outputs.flatMap((output) => [...output.dataSync<'float32'>()]);
    weights.dispose();
    return Float32Array.from(numbers);
  });
}

/** The largest difference, relative to the largest number. */
function distance(actual: Float32Array, expected: Float32Array): number {
  expect(actual).toHaveLength(expected.length);
  const scale = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  expect(scale).toBeGreaterThan(0);
  return expected.reduce((max, value, at) => Math.max(max, Math.abs(value - actual[at]!)), 0) / scale;
}

const SMALL = { channels: 4, layers: 4, imageSize: { height: 16, width: 8 } } as const;

describe('a simplified network', () => {
  it.each(['DARTS', 'NAT_DARTS', 'NAT_ENAS', 'NAONet', 'resnet20', 'mobilenet_v2'])('%s has the same logits', (name) => {
    const { graph } = lower(zooArchitecture(name), SMALL);
    const weights = trainedWeights(graph, 1);
    expect(distance(outputsOf(simplify(graph), weights), outputsOf(graph, weights))).toBeLessThan(1e-6);
  });

  it('has the same logits where most edges are null or skipped', () => {
    let shorter = 0;
    for (let seed = 0; seed < 25; seed++) {
      const stream = RandomStream.of('simplify', seed);
      const skeleton = (['repeated', 'nasbench201', 'explicit'] as const)[seed % 3]!;
      const architecture = randomArchitecture(stream, { skeleton, primitives: ['null', 'null', 'skip_connect', 'conv_1x1', 'avg_pool_3x3', 'null'] });
      const lowered = lower(architecture, { ...SMALL, layers: 2 });
      if (isOpaque(lowered)) continue;
      const { graph } = lowered;
      const short = simplify(graph);
      shorter += short.nodes.length < graph.nodes.length ? 1 : 0;
      const weights = trainedWeights(graph, seed);
      expect(distance(outputsOf(short, weights), outputsOf(graph, weights)), `seed ${seed}`).toBeLessThan(1e-6);
    }
    expect(shorter).toBeGreaterThan(15);
  });
});

function isOpaque({ graph }: LoweredArchitecture): boolean {
  return graph.nodes.some(({ op }) => op === 'opaque');
}

describe('batch normalisations folded into convolutions', () => {
  it.each(['resnet20', 'DARTS', 'mobilenet_v2'])('of %s give the same logits', (name) => {
    const graph = simplify(lower(zooArchitecture(name), SMALL).graph);
    const weights = trainedWeights(graph, 2);
    const folded = foldBatchNorm(graph, weights);
    const norms = (of: Graph): number => of.nodes.filter(({ op }) => op === 'batch_norm').length;
    expect(norms(graph)).toBeGreaterThan(10);
    // Those of a factorized reduction stand behind a concatenation.
    expect(norms(folded.graph)).toBe(graph.nodes.filter(({ op, name: node }) => op === 'concat' && node.endsWith('.concat')).length);
    expect([...folded.weights.keys()].sort()).toEqual([...new Set(folded.graph.nodes.flatMap((node) => node.weights))].sort());
    expect(distance(outputsOf(folded.graph, folded.weights), outputsOf(graph, weights))).toBeLessThan(1e-5);
  });
});
