/** The learner's loss again, in double precision and without TensorFlow: what its gradients are held against. */
import { Episode } from '../mdp/episode.ts';
import type { HostTensor } from '@nat/tensor';
import { RandomStream } from '@nat/base/random';
import { createCheckpoint, type PolicyCheckpoint } from '../policy/checkpoint.ts';
import { PolicyInference } from '../policy/inference/policy-inference.ts';
import type { PolicyConfig } from '../policy/policy-config.ts';
import type { Trial } from '../learning/reinforce.ts';
import { PROBABILITY_FLOOR } from '../policy/networks/probability.ts';

/** Every parameter away from its start, so that no gradient vanishes. */
export function shaken(config: PolicyConfig, seed: number, by = 0.3): PolicyCheckpoint {
  const checkpoint = createCheckpoint(config, RandomStream.of(seed));
  const stream = RandomStream.of(seed, 'shake');
  const shake = ({ shape, data }: HostTensor): HostTensor => ({ shape, data: data.map((value) => value + by * stream.normal()) });
  return { ...checkpoint, parameters: new Map([...checkpoint.parameters].map(([name, tensor]) => [name, shake(tensor)])) };
}

interface Terms {
  /** log pi(actions) and summed entropy, by trial. */
  readonly logProb: Float64Array;
  readonly entropy: Float64Array;
}

/** From the compiled policy: shares no code with TensorFlow's gradient. */
export function termsInDouble(config: PolicyConfig, parameters: PolicyCheckpoint['parameters'], trials: readonly Trial[]): Terms {
  const policy = new PolicyInference({ config, parameters, moments: new Map(), step: 0, baseline: 0 });
  const logProb = new Float64Array(trials.length);
  const entropy = new Float64Array(trials.length);
  trials.forEach(({ environment, actions }, t) => {
    const scores = policy.scores(environment);
    const sequence = new Episode(environment.space);
    for (let d = 0; d < environment.decisions; d++) {
      const bits = sequence.legalActions();
      const open = Array.from(environment.candidateAction.subarray(environment.candidateStart[d], environment.candidateStart[d + 1]), (action, k) => ({
        action,
        weight: bits[action] === 1 ? Math.exp(scores[environment.candidateStart[d]! + k]!) : 0,
      })).filter(({ weight }) => weight > 0);
      const total = open.reduce((sum, { weight }) => sum + weight, 0);
      if (open.length > 1) {
        for (const { action, weight } of open) {
          const q = weight / total + (config.encoder === 'pair' ? PROBABILITY_FLOOR : 0);
          if (action === actions[d]) logProb[t]! += Math.log(q);
          entropy[t]! -= q * Math.log(q);
        }
      }
      sequence.step(actions[d]!);
    }
  });
  return { logProb, entropy };
}

/** - sum of weight log pi - entropy weight H. */
export function lossInDouble(
  config: PolicyConfig,
  parameters: PolicyCheckpoint['parameters'],
  trials: readonly Trial[],
  weights: Float64Array,
  entropyWeight: number,
): number {
  const { logProb, entropy } = termsInDouble(config, parameters, trials);
  return -weights.reduce((sum, weight, t) => sum + weight * logProb[t]! + entropyWeight * entropy[t]!, 0);
}

/** How far a gradient is from finite differences of a function, in random directions of each parameter. */
export interface GradientError {
  readonly name: string;
  /** |finite difference - prediction|, over the lengths of the gradient and of the move. */
  readonly relative: number;
  /** Euclidean norm of the parameter's gradient. */
  readonly length: number;
}

/** @param at the function, in double precision */
export function gradientErrors(
  parameters: PolicyCheckpoint['parameters'],
  gradients: ReadonlyMap<string, Float32Array>,
  at: (parameters: PolicyCheckpoint['parameters']) => number,
): readonly GradientError[] {
  const stream = RandomStream.of('directions');
  return [...parameters].flatMap(([name, { shape, data }]) => {
    const gradient = gradients.get(name)!;
    const length = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
    return Array.from({ length: 3 }, () => {
      const direction = data.map(() => stream.normal());
      const moved = (step: number): Float32Array => data.map((value, i) => value + step * direction[i]!);
      // A small step, or some ReLU changes sides; float32 parameters do not move by exactly the step: compare along the move that was made.
      const [up, down] = [moved(1e-6), moved(-1e-6)];
      const valueAt = (values: Float32Array): number => at(new Map([...parameters, [name, { shape, data: values }]]));
      let predicted = 0;
      let squared = 0;
      gradient.forEach((value, i) => {
        predicted += value * (up[i]! - down[i]!);
        squared += (up[i]! - down[i]!) ** 2;
      });
      return { name, length, relative: Math.abs(valueAt(up) - valueAt(down) - predicted) / (length * Math.sqrt(squared)) };
    });
  });
}
