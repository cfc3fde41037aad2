/**
 * Adam (Kingma & Ba, ICLR 2015) as in torch.optim.Adam: weight decay is an L2 term added to the gradient, not decoupled.
 *
 *     g <- g + wd p;  m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
 *     p <- p - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 *
 * It runs on host arrays: the state is then the same bits on every backend, and a checkpoint is a copy of it.
 */
import { DomainError } from '@nat/base/errors';

export interface AdamOptions {
  readonly learningRate: number;
  /** Decay of the first and of the second moment. @default [0.9, 0.999] */
  readonly betas?: readonly [number, number];
  /** @default 1e-8 */
  readonly epsilon?: number;
  /** L2 coefficient, added to the gradient. @default 0 */
  readonly weightDecay?: number;
}

/** First and second moment of one parameter. */
export interface AdamMoments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/** Moments by parameter name; `step` counts the updates made. */
export interface AdamState {
  readonly step: number;
  readonly moments: ReadonlyMap<string, AdamMoments>;
}

/**
 * One update in place of every parameter; every moment moves, also where the gradient is zero, as after the official
 * `zero_grad` (embedding rows not in use keep their momentum and weight decay).
 * @returns the state with its step advanced; the moment arrays are updated in place
 * @throws DomainError INVALID_ARGUMENT when a gradient or moment is missing or of another size
 */
export function adamStep(
  parameters: ReadonlyMap<string, Float32Array>,
  gradients: ReadonlyMap<string, Float32Array>,
  state: AdamState,
  { learningRate, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0 }: AdamOptions,
): AdamState {
  const [beta1, beta2] = betas;
  const step = state.step + 1;
  const stepSize = learningRate / (1 - beta1 ** step);
  const secondScale = 1 / Math.sqrt(1 - beta2 ** step);
  for (const [name, p] of parameters) {
    const g = gradients.get(name);
    const moments = state.moments.get(name);
    if (g?.length !== p.length || moments?.first.length !== p.length || moments.second.length !== p.length) {
      throw DomainError.invalid(`gradients.${name}`, `needs a gradient and moments of ${p.length} numbers`, 'TENSOR_SHAPE');
    }
    const { first: m, second: v } = moments;
    for (let i = 0; i < p.length; i++) {
      const gradient = g[i]! + weightDecay * p[i]!;
      m[i] = beta1 * m[i]! + (1 - beta1) * gradient;
      v[i] = beta2 * v[i]! + (1 - beta2) * gradient * gradient;
      p[i] = p[i]! - (stepSize * m[i]!) / (Math.sqrt(v[i]!) * secondScale + epsilon);
    }
  }
  return { step, moments: state.moments };
}

/** Zero moments for every parameter, step 0. */
export function initialAdamState(parameters: ReadonlyMap<string, Float32Array>): AdamState {
  return { step: 0, moments: new Map([...parameters].map(([name, p]) => [name, { first: new Float32Array(p.length), second: new Float32Array(p.length) }])) };
}
