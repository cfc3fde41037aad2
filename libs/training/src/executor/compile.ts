import { lastReads, weightSpecs, type Graph, type Node, type TensorType, type Value } from '@nat/graph';
import type { Tensor } from '@nat/tensor';
import { KERNELS, type Kernel, type Running } from './kernels.ts';
import type { Pass } from './pass.ts';
import { planSteps, type Step } from './plan.ts';
import type { ParameterSpec, StatisticsSpec } from './weights.ts';

export interface CompileOptions {
  /** @see infer */
  readonly types: readonly TensorType[];
  /** Values that drop path may drop, with the edge that its mask is asked for. @default none */
  readonly droppable?: ReadonlyMap<Value, number>;
  /** The graph's inputs are differentiated. False saves the gradient of images, which nobody asks for. @default true */
  readonly inputGradients?: boolean;
}

/** A graph as a function of tensors. It owns no numbers; it finds them by their keys in a pass's weights. */
export interface Executable {
  /** Each once, in the order of the nodes. */
  readonly parameters: readonly ParameterSpec[];
  readonly statistics: readonly StatisticsSpec[];
  /** One tensor an output of the graph, which the caller owns; those of `inputs` stay the caller's. */
  run(pass: Pass, inputs: readonly Tensor[]): readonly Tensor[];
}

/** A step with everything that does not change from run to run. */
interface CompiledStep extends Step {
  readonly value: Value;
  readonly type: TensorType;
  readonly parameters: readonly ParameterSpec[];
  readonly statistics: StatisticsSpec | undefined;
  readonly inputGradient: boolean;
  readonly dropped: number | undefined;
  /** Values that nothing reads after this step. */
  readonly ended: readonly Value[];
}

/** @throws DomainError UNIMPLEMENTED, at once, for a graph with opaque nodes */
export function compile(graph: Graph, { types, droppable = new Map(), inputGradients = true }: CompileOptions): Executable {
  const opaque = graph.nodes.find((node) => node.op === 'opaque');
  if (opaque !== undefined) KERNELS.opaque({ node: opaque } as Running<'opaque'>, []);
  const planned = planSteps(graph, types);
  const ended = endsOf(graph, planned);
  const steps = planned.map((step, at): CompiledStep => {
    const { node, index, reads } = step;
    const value = graph.inputs.length + index;
    return {
      ...step,
      value,
      type: types[value]!,
      ...weightsOf(
        node,
        node.inputs.map((input) => types[input]!),
      ),
      inputGradient: inputGradients || reads.some((read) => read >= graph.inputs.length),
      dropped: droppable.get(value),
      ended: ended[at]!,
    };
  });
  const parameters = [...new Map(steps.flatMap((step) => step.parameters).map((spec) => [spec.name, spec])).values()];
  return {
    parameters,
    statistics: steps.flatMap(({ statistics }) => statistics ?? []),
    run: (pass, inputs) => runSteps(graph, steps, pass, inputs),
  };
}

function runSteps({ inputs, nodes, outputs }: Graph, steps: readonly CompiledStep[], pass: Pass, given: readonly Tensor[]): readonly Tensor[] {
  const { tf } = pass;
  const batch = given[0]!.shape[0];
  const values = new Array<Tensor | undefined>(inputs.length + nodes.length);
  given.forEach((tensor, at) => (values[at] = tensor));
  /** How many values a tensor stands for: an identity gives the tensor that it reads. */
  const owners = new Map<Tensor, number>(given.map((tensor) => [tensor, 1]));
  for (const step of steps) {
    const read = step.reads.map((value) => values[value]!);
    const tensor = tf.tidy(() => dropped(step, pass, runNode(step, pass, read, batch)));
    values[step.value] = tensor;
    owners.set(tensor, (owners.get(tensor) ?? 0) + 1);
    for (const value of step.ended) {
      const ended = values[value]!;
      values[value] = undefined;
      const left = owners.get(ended)! - 1;
      owners.set(ended, left);
      // Gradients hold what they need of it themselves.
      if (left === 0) ended.dispose();
    }
  }
  // An output may be an input, or two outputs the same: each is a tensor of its own, so that none disposes of another.
  const owned = new Set<Tensor>(given);
  return outputs.map(({ value }) => {
    const tensor = values[value]!;
    if (owned.has(tensor)) return tensor.clone();
    owned.add(tensor);
    return tensor;
  });
}

function runNode(step: CompiledStep, pass: Pass, inputs: readonly Tensor[], batch: number): Tensor {
  const { node, type, rectified, offset, inputGradient } = step;
  const kernel = KERNELS[node.op] as Kernel<typeof node.op>;
  const { weights } = pass;
  return (kernel as Kernel<never>)(
    {
      pass,
      node: node as never,
      type,
      rectified,
      offset,
      inputGradient,
      batch,
      parameters: step.parameters.map((spec) => weights.parameter(spec)),
      statistics: step.statistics === undefined ? undefined : weights.statistics(step.statistics),
    },
    inputs,
  );
}

function dropped({ dropped: edge }: CompiledStep, { tf, mode, dropPath }: Pass, y: Tensor): Tensor {
  if (edge === undefined || dropPath === undefined || mode === 'eval') return y;
  const mask = tf.div(dropPath.mask(edge, y.shape[0]), dropPath.keep).reshape([-1, 1, 1, 1]);
  return tf.mul(y, mask);
}

/** For each step the values that it reads last, or makes for nobody. */
function endsOf({ inputs, nodes, outputs }: Graph, steps: readonly Step[]): readonly (readonly Value[])[] {
  const used = steps.map(({ index, reads }) => [inputs.length + index, ...reads]);
  const last = lastReads(
    inputs.length + nodes.length,
    used,
    outputs.map(({ value }) => value),
  );
  return used.map((values, at) => [...new Set(values)].filter((value) => value >= inputs.length && last[value] === at));
}

function weightsOf(
  node: Node,
  inputs: readonly TensorType[],
): { readonly parameters: readonly ParameterSpec[]; readonly statistics: StatisticsSpec | undefined } {
  const specs = weightSpecs(node, inputs).map((spec, at) => ({ ...spec, name: node.weights[at]! }));
  const parameters = specs
    .filter(({ trainable }) => trainable)
    .map(({ name, role, shape, initial }): ParameterSpec => ({ name, kind: role === 'weight' ? kindOf(node) : 'vector', shape, initial }));
  const [mean, variance] = specs.filter(({ trainable }) => !trainable);
  return {
    parameters,
    statistics: mean === undefined || variance === undefined ? undefined : { mean: mean.name, variance: variance.name, channels: mean.shape[0]! },
  };
}

function kindOf(node: Node): ParameterSpec['kind'] {
  if (node.op === 'linear') return 'linear';
  if (node.op !== 'conv') return 'vector';
  return node.attributes.groups > 1 ? 'depthwise' : 'convolution';
}
