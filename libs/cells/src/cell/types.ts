/**
 * The representation of architectures. Everything is immutable plain data.
 *
 * An `Architecture` is a few distinct cells (what a policy edits) and a skeleton (how the cells are placed). `lower` makes a graph of it, with real
 * channels, strides and sizes, from which cost is counted and tensors are built. Published genotypes, NAS-Bench-201 cells and whole real networks are
 * all of this type.
 */
import type { ActivationFunction } from '@nat/graph';
import type { Activation } from '../primitives/module-builder.ts';
import type { PrimitiveName } from '../primitives/primitives.ts';

/** Pixels; one number where height and width are the same. */
export type ImageSize = number | { readonly height: number; readonly width: number };

/** An operation a policy may replace. */
export interface PrimitiveOperation {
  readonly kind: 'primitive';
  readonly name: PrimitiveName;
  /** What a convolution applies before itself. The official operations are ReLU-Conv-BN. @default 'relu' */
  readonly activation?: Activation;
}

/** An operation that passes through untouched, with its declared cost at this place. */
export interface FixedOperation {
  readonly kind: 'fixed';
  /** An activation function or `zero_pad_shortcut` can be trained here; any other name is opaque: priced, drawn, never built. */
  readonly name: string;
  /** Parameters, one number each. */
  readonly params: number;
  /** Multiply-accumulates for one image. */
  readonly macs: number;
}
export type Operation = PrimitiveOperation | FixedOperation;

/** One operation from node `from` to node `to` of a cell. Nodes 0..inputs-1 are the cell's inputs; `from < to`. */
export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly operation: Operation;
  /** In and out channels where the edge fixes them itself; absent where the skeleton does (all nodes of a cell alike). */
  readonly channels?: { readonly in: number; readonly out: number };
  /** Where the edge fixes its stride itself; absent where the skeleton does (2 in a reduction cell from a cell input). */
  readonly stride?: 1 | 2;
}

/** What a cell gives to the cells that read it. */
export type CellOutput =
  | { readonly kind: 'concat'; readonly nodes: readonly number[] }
  /** Concatenation of the nodes no edge leaves (null edges count as leaving), as in ENAS's search space. */
  | { readonly kind: 'loose-ends' }
  | { readonly kind: 'last' };

export interface Cell {
  /** Unique within the architecture, e.g. `normal`, `reduce`, `stage2.block1`. */
  readonly name: string;
  readonly inputs: number;
  /** All nodes, inputs included. */
  readonly nodes: number;
  /** In presented order: answers index this order. */
  readonly edges: readonly Edge[];
  readonly output: CellOutput;
}

/** How cells are placed into a network. */
export type Skeleton =
  /** The official repeated skeleton: cells `normal` and `reduce`, two inputs each, reductions at layers/3 and 2*layers/3. */
  | { readonly kind: 'repeated' }
  /** NAS-Bench-201: one cell `cell`, 3 stages of N = 5, C = 16, fixed residual reductions between them. */
  | { readonly kind: 'nasbench201' }
  /** Every layer written out. */
  | {
      readonly kind: 'explicit';
      readonly stem: { readonly channels: number; readonly kernel: 1 | 3 | 7; readonly stride: 1 | 2; readonly activation: Activation };
      /** In topological order. `reads`: -1 is the stem, i >= 0 is placement i; one entry a cell input. */
      readonly placements: readonly { readonly cell: string; readonly reads: readonly number[] }[];
      /** Reads the last placement: optional 1x1 Conv-BN-activation to `channels`, activation, global average pool, linear with bias. */
      readonly head: { readonly activation: Activation; readonly conv?: { readonly channels: number; readonly activation: ActivationFunction } };
      readonly imageSize: ImageSize;
      readonly classes: number;
    };

export interface Architecture {
  /** A display name; not part of the identity. */
  readonly name?: string;
  readonly cells: readonly Cell[];
  readonly skeleton: Skeleton;
}

/** Which network the cells are placed into. Ignored where the skeleton fixes it (`explicit`). */
export interface PlacementOptions {
  /** @default 'evaluation' */
  readonly network?: 'evaluation' | 'imagenet' | 'supernet';
  /** First channels C. @default 36 (evaluation), 48 (imagenet), 20 (supernet), 16 (nasbench201) */
  readonly channels?: number;
  /** Cells in a row. @default 20 (evaluation), 14 (imagenet), 8 (supernet) */
  readonly layers?: number;
  /** Of the input image, pixels. @default 32, 224 for imagenet */
  readonly imageSize?: ImageSize;
  /** @default 10, 1000 for imagenet */
  readonly classes?: number;
  /** Supernet: which nodes count in the concatenation; the others are multiplied by 0. @default 'loose-ends' for cells with that output rule, else 'all-nodes' */
  readonly supernetOutput?: 'all-nodes' | 'loose-ends';
}

/** One edge replaced: `cell` and `edge` index the submitted form (edge = position in `cells[cell].edges`). */
export interface EdgeEdit {
  readonly cell: number;
  readonly edge: number;
  readonly before: PrimitiveName;
  readonly after: PrimitiveName;
}

/** How operations may be replaced. `nat`: keep, skip, null. `nat++`: the lattice of cheaper operations. */
export type SchemeName = 'nat' | 'nat++';
