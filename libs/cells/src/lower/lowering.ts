/** What a network of cells is lowered to, and what the lowering of every skeleton shares. */
import { GraphBuilder, type Graph, type GraphOutput, type Region, type Site, type TensorType, type Value } from '@nat/graph';
import { typeOfShape, type TensorShape } from '../cell/shapes.ts';
import type { Architecture, Operation } from '../cell/types.ts';
import { ModuleBuilder, type Activation } from '../primitives/module-builder.ts';
import type { BatchNormalization } from '../primitives/operations.ts';
import type { PrimitiveName } from '../primitives/primitives.ts';
import type { ResolvedPlacement } from '../skeletons/placement.ts';

export interface LowerOptions {
  /** With the auxiliary head that official networks are trained with, as a second output. @default false */
  readonly auxiliary?: boolean;
  /** A supernet's operations in its order, by which its weights are named. @default by the operations' names */
  readonly sharedOperations?: readonly PrimitiveName[];
}

/** One edge of one placed cell. */
export interface PlacedEdge {
  /** Positions in `architecture.cells` and in that cell's `edges`. */
  readonly cell: number;
  readonly edge: number;
  /** Position in `blocks`. */
  readonly block: number;
  readonly operation: Operation;
  readonly stride: 1 | 2;
  readonly region: Region;
}

/** One placed cell, or a fixed part of a skeleton between cells. */
export interface PlacedBlock {
  /** Position in `architecture.cells`; undefined for a fixed part. */
  readonly cell: number | undefined;
  /** What it reads: another block by position, or the stem (-1; -2 for the one before it). */
  readonly reads: readonly number[];
  /** It halves the image. */
  readonly reduction: boolean;
  /** Values of a cell's input nodes, after preprocessing. */
  readonly inputs: readonly Value[];
  readonly output: Value;
}

/** A network as a graph with its sites, and the cells that its author wrote. */
export interface LoweredArchitecture {
  readonly graph: Graph;
  /** Types of all values. */
  readonly types: readonly TensorType[];
  /** One an editable edge, cell after cell in presented order. */
  readonly sites: readonly Site[];
  readonly written: Architecture;
  readonly placement: ResolvedPlacement;
  /** In the order in which they run. */
  readonly blocks: readonly PlacedBlock[];
  /** In the order in which they run. */
  readonly edges: readonly PlacedEdge[];
  /** Of the operations on edges. */
  readonly norm: BatchNormalization;
  /** The network is one that has an auxiliary head, built or not. */
  readonly hasAuxiliary: boolean;
}

/** Gathers a graph while a skeleton is lowered. */
export class Lowering {
  readonly builder = new GraphBuilder();
  /** Values of the graph's inputs. */
  readonly inputs: readonly Value[];
  readonly blocks: PlacedBlock[] = [];
  readonly edges: PlacedEdge[] = [];

  constructor(inputs: Readonly<Record<string, TensorShape>>) {
    this.inputs = Object.entries(inputs).map(([name, shape]) => this.builder.input(name, typeOfShape(shape)));
  }

  /** The image, which is the first input. */
  get image(): Value {
    return this.inputs[0]!;
  }

  /** A module named as its nodes are, or one of its own among nodes of another name. */
  module(name: string, module = name): ModuleBuilder {
    return new ModuleBuilder(this.builder, { module, name });
  }

  typeOf(value: Value): TensorType {
    return this.builder.typeOf(value);
  }

  /** Global average pool behind [BN] and [activation], then a linear layer with bias. */
  head(x: Value, classes: number, { norm, activation }: { readonly norm: boolean; readonly activation: Activation }): GraphOutput {
    const last = this.module('lastact');
    const normed = norm ? last.batchNorm('0', x, true) : x;
    const pooled = last.node('global_avg_pool', 'pool', {}, [last.activation(norm ? '1' : '0', normed, activation)]);
    return { name: 'logits', value: this.module('classifier').classifier(pooled, classes) };
  }
}

export interface ConvBlock {
  readonly kernel: number;
  readonly stride?: number;
  readonly before?: Activation;
  readonly after?: Activation;
  readonly affine?: boolean;
  /** Number of the first layer in its sequence. @default 0 */
  readonly first?: number;
}

/** [before], convolution, BN, [after]: layers numbered in a row, as in torch.nn.Sequential. */
export function convBlock(module: ModuleBuilder, prefix: string, x: Value, outChannels: number, options: ConvBlock): Value {
  const { kernel, stride = 1, before = 'none', after = 'none', affine = true } = options;
  let next = options.first ?? 0;
  const name = (): string => `${prefix}${next++}`;
  const rectified = before === 'none' ? x : module.activation(name(), x, before);
  const convolved = module.convolution(name(), rectified, outChannels, kernel, { stride });
  const normed = module.batchNorm(name(), convolved, affine);
  return after === 'none' ? normed : module.activation(name(), normed, after);
}
