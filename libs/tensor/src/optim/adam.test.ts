import { expect, it } from 'vitest';
import { adamStep, initialAdamState } from './adam.ts';

const options = { learningRate: 0.1, betas: [0.5, 0.999] as const, epsilon: 1e-8, weightDecay: 0.01 };

/** The same update in double precision, written from the paper with the L2 term. */
function naive(p0: number, gradients: readonly number[]): number {
  let [p, m, v] = [p0, 0, 0];
  gradients.forEach((raw, i) => {
    const g = raw + options.weightDecay * p;
    m = options.betas[0] * m + (1 - options.betas[0]) * g;
    v = options.betas[1] * v + (1 - options.betas[1]) * g * g;
    const mHat = m / (1 - options.betas[0] ** (i + 1));
    const vHat = v / (1 - options.betas[1] ** (i + 1));
    p -= (options.learningRate * mHat) / (Math.sqrt(vHat) + options.epsilon);
  });
  return p;
}

it('follows the equations, and moves parameters whose gradient is zero', () => {
  const gradients = [
    [0.5, 0],
    [-1, 0],
    [0.25, 2],
    [0, 0],
  ];
  const p = Float32Array.of(1, -0.5);
  const parameters = new Map([['p', p]]);
  let state = initialAdamState(parameters);
  for (const gradient of gradients) state = adamStep(parameters, new Map([['p', Float32Array.from(gradient)]]), state, options);
  expect(state.step).toBe(4);
  const first = naive(1, gradients.map(([g]) => g!)); // prettier-ignore
  const second = naive(-0.5, gradients.map(([, g]) => g!)); // prettier-ignore
  expect(p[0]).toBeCloseTo(first, 5);
  expect(p[1]).toBeCloseTo(second, 5);
});

it('refuses gradients of another size', () => {
  const parameters = new Map([['p', new Float32Array(2)]]);
  expect(() => adamStep(parameters, new Map([['p', new Float32Array(3)]]), initialAdamState(parameters), options)).toThrow(/gradients\.p/);
  expect(() => adamStep(parameters, new Map(), initialAdamState(parameters), options)).toThrow(/gradients\.p/);
});
