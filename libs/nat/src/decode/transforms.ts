/** What a policy makes of an architecture: the likeliest transform, or samples, among all that are allowed within a budget. */
import type { RandomStream } from '@nat/base/random';
import type { Budget } from '../mdp/budget.ts';
import type { Environment } from '../mdp/environment.ts';
import type { PolicyInference } from '../policy/inference/policy-inference.ts';
import { SampledTransform } from '../policy/sampled-transform.ts';
import { Decoder, type DecodedResult } from './decoder.ts';

/** A transform, and whether no allowed one is likelier. */
export interface LikeliestTransform {
  readonly transform: SampledTransform;
  readonly optimal: boolean;
}

/** @throws DomainError FAILED_PRECONDITION: POLICY_NOT_APPLICABLE; BUDGET_UNREACHABLE with what can be had */
export function likeliestTransform(policy: PolicyInference, environment: Environment, budget?: Budget): LikeliestTransform {
  const logs = policy.logProbabilities(environment);
  const result = new Decoder(environment, logs, budget).likeliest();
  return { transform: transformOf(environment, logs, result, budget), optimal: result.optimal };
}

/**
 * Distinct samples of the policy conditioned on what is allowed, the most probable first; the likeliest alone where none of the samples came to pass.
 * @param streamOf the stream of each sample
 * @throws DomainError as `likeliestTransform`
 */
export function sampleTransforms(
  policy: PolicyInference,
  environment: Environment,
  { samples, streamOf, budget }: { readonly samples: number; readonly streamOf: (sample: number) => RandomStream; readonly budget?: Budget | undefined },
): readonly SampledTransform[] {
  const logs = policy.logProbabilities(environment);
  const decoder = new Decoder(environment, logs, budget);
  const draw = decoder.sampler();
  const distinct = new Map<string, SampledTransform>();
  for (let i = 0; i < samples; i++) {
    const result = draw(streamOf(i));
    const key = result?.actions.join();
    if (result !== undefined && key !== undefined && !distinct.has(key)) distinct.set(key, transformOf(environment, logs, result, budget));
  }
  if (distinct.size === 0) return [transformOf(environment, logs, decoder.likeliest(), budget)];
  return [...distinct.values()].sort((a, b) => b.logProb - a.logProb);
}

function transformOf(environment: Environment, logs: Float64Array, { actions, operations }: DecodedResult, budget: Budget | undefined): SampledTransform {
  const { candidateStart, candidateAction } = environment;
  const probabilities = new Float64Array(actions.length);
  let [logProb, entropy] = [0, 0];
  actions.forEach((action, d) => {
    for (let candidate = candidateStart[d]!; candidate < candidateStart[d + 1]!; candidate++) {
      const probability = Math.exp(logs[candidate]!);
      entropy -= probability * logs[candidate]!;
      if (candidateAction[candidate] !== action) continue;
      probabilities[d] = Math.min(1, probability);
      logProb += logs[candidate]!;
    }
  });
  return new SampledTransform({ environment, actions, operations, probabilities, logProb, entropy, budget });
}
