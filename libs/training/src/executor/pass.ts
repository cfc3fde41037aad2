import type { BatchNormMode, Tensor, Tensorflow } from '@nat/tensor';
import type { Weights } from './weights.ts';

/** Regularisation by dropped edges (Larsson et al. 2017): y / keep * mask, one 0/1 a sample and edge. */
export interface DropPath {
  /** Probability that an edge is kept. */
  readonly keep: number;
  /** 0/1 values [batch]; asked once an edge that can be dropped, in the order of the edges. */
  readonly mask: (edge: number, batch: number) => Tensor;
}

/** One run through a network. */
export interface Pass {
  readonly tf: Tensorflow;
  readonly weights: Weights;
  readonly mode: BatchNormMode;
  /** Share of the batch in running statistics, in mode `train`. @default 0.1 */
  readonly statisticsMomentum?: number;
  /** Ignored in mode `eval`. */
  readonly dropPath?: DropPath;
}
