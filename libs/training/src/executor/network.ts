/** A network of cells as tensors: its graph, compiled. */
import type { LoweredArchitecture } from '@nat/cells';
import type { Value } from '@nat/graph';
import type { Tensor2D, Tensor4D } from '@nat/tensor';
import { compile, type Executable } from './compile.ts';
import type { Pass } from './pass.ts';
import type { ParameterSpec, StatisticsSpec } from './weights.ts';

export interface NetworkOutput {
  /** [batch, classes] */
  readonly logits: Tensor2D;
  /** [batch, classes], in training where the auxiliary head was built. */
  readonly auxiliaryLogits?: Tensor2D;
}

/** A network as a function of images [batch, height, width, 3]. Parameters have their official names. */
export interface Network {
  readonly lowered: LoweredArchitecture;
  readonly parameters: readonly ParameterSpec[];
  readonly statistics: readonly StatisticsSpec[];
  apply(pass: Pass, images: Tensor4D): NetworkOutput;
}

/**
 * Compiles a lowered network.
 * @param training as it is trained, where that is not how it is evaluated: lowered with its auxiliary head
 * @throws DomainError UNIMPLEMENTED where an operation is known by its cost alone
 */
export function buildNetwork(lowered: LoweredArchitecture, training = lowered): Network {
  const evaluated = compileLowered(lowered);
  const trained = training === lowered ? evaluated : compileLowered(training);
  const { parameters, statistics } = trained;
  return {
    lowered,
    parameters,
    statistics,
    apply: (pass, images) => {
      const [logits, auxiliaryLogits] = (pass.mode === 'eval' ? evaluated : trained).run(pass, [images]) as readonly [Tensor2D, Tensor2D?];
      return auxiliaryLogits === undefined ? { logits } : { logits, auxiliaryLogits };
    },
  };
}

function compileLowered(lowered: LoweredArchitecture): Executable {
  return compile(lowered.graph, { types: lowered.types, droppable: droppableValues(lowered), inputGradients: false });
}

/** What drop path may drop: what edges give, but for nulls and for what they read. */
export function droppableValues({ graph, edges }: Pick<LoweredArchitecture, 'graph' | 'edges'>): ReadonlyMap<Value, number> {
  const droppable = new Map<Value, number>();
  for (const { edge, region } of edges) {
    const { op } = graph.nodes[region.to - graph.inputs.length]!;
    if (op !== 'zero' && op !== 'identity') droppable.set(region.to, edge);
  }
  return droppable;
}
