/** Drawing transforms from a policy, in plain JavaScript: no TensorFlow is loaded, so any process can serve it. */
import { Episode } from '../../mdp/episode.ts';
import type { RandomStream } from '@nat/base/random';
import type { PolicyCheckpoint } from '../checkpoint.ts';
import { EdgeGnnInference } from './edge-gnn.ts';
import { LstmInference } from './lstm.ts';
import { GcnInference } from './gcn.ts';
import type { PolicyConfig } from '../policy-config.ts';
import { SampledTransform } from '../sampled-transform.ts';
import { policyGraphOf } from '../features/build-policy-graph.ts';
import { PROBABILITY_FLOOR } from '../networks/probability.ts';
import type { Environment } from '../../mdp/environment.ts';

/** `greedy` takes the likeliest candidate of every decision, the first of equals. `sample` draws with the stream given. */
export type SamplingMode = { readonly mode: 'greedy' } | { readonly mode: 'sample'; readonly stream: RandomStream };

/** A policy ready to draw. Safe to share: it keeps nothing but the scores of the last environment. */
export class PolicyInference {
  readonly config: PolicyConfig;
  readonly #scores: (environment: Environment) => Float64Array;
  readonly #floor: number;
  /** Probabilities of the candidates of one decision; grows with the widest. */
  #q = new Float64Array(32);
  #lastEnvironment: Environment | undefined;
  #lastScores: Float64Array = new Float64Array(0);

  constructor(checkpoint: PolicyCheckpoint) {
    const { config } = checkpoint;
    this.config = config;
    this.#scores = scoresOf(checkpoint);
    this.#floor = config.encoder === 'pair' ? PROBABILITY_FLOOR : 0;
  }

  /**
   * The unnormalised log-probability of every candidate of the environment, before masks. [candidates]
   * @throws DomainError FAILED_PRECONDITION, reason POLICY_NOT_APPLICABLE
   */
  scores(environment: Environment): Float64Array {
    if (this.#lastEnvironment !== environment) {
      this.#lastScores = this.#scores(environment);
      this.#lastEnvironment = environment;
    }
    return this.#lastScores;
  }

  /**
   * log q of every candidate, whatever the other edges become: the logarithm of the softmax over the candidates of its decision (of the `pair` encoder:
   * with its unnormalised floor). [candidates]
   * @throws DomainError FAILED_PRECONDITION, reason POLICY_NOT_APPLICABLE
   */
  logProbabilities(environment: Environment): Float64Array {
    const scores = this.scores(environment);
    const { decisions, candidateStart } = environment;
    const logs = new Float64Array(scores.length);
    for (let d = 0; d < decisions; d++) {
      const [start, end] = [candidateStart[d]!, candidateStart[d + 1]!];
      if (end - start === 1) continue; //: probability 1
      const own = scores.subarray(start, end);
      const highest = own.reduce((max, score) => Math.max(max, score), -Infinity);
      const logSum = Math.log(own.reduce((sum, score) => sum + Math.exp(score - highest), 0));
      own.forEach((score, k) => {
        const log = score - highest - logSum;
        logs[start + k] = this.#floor === 0 ? log : Math.log(Math.exp(log) + this.#floor);
      });
    }
    return logs;
  }

  /**
   * One transform, decided edge by edge. Drawing again from the same environment costs no second encoding.
   * @throws DomainError FAILED_PRECONDITION, reason POLICY_NOT_APPLICABLE
   */
  sample(environment: Environment, mode: SamplingMode): SampledTransform {
    const scores = this.scores(environment);
    const { decisions, candidateStart, candidateAction } = environment;
    const episode = new Episode(environment.space);
    const actions = new Uint8Array(decisions);
    const probabilities = new Float64Array(decisions);
    let logProb = 0;
    let entropy = 0;
    for (let d = 0; d < decisions; d++) {
      const start = candidateStart[d]!;
      const count = candidateStart[d + 1]! - start;
      const legal = episode.legalActions();
      if (count > this.#q.length) this.#q = new Float64Array(2 * count);
      const q = this.#q;
      const total = this.#probabilities(scores, candidateAction, start, count, legal);
      const chosen = mode.mode === 'greedy' ? likeliest(q, count) : drawn(mode.stream, q, count, total);
      const action = candidateAction[start + chosen]!;
      episode.step(action);
      actions[d] = action;
      probabilities[d] = q[chosen]! / total;
      if (isForced(legal)) continue; //: probability 1, no entropy
      logProb += Math.log(q[chosen]!);
      for (let k = 0; k < count; k++) if (q[k]! > 0) entropy -= q[k]! * Math.log(q[k]!);
    }
    return new SampledTransform({ environment, actions, operations: episode.operations, probabilities, logProb, entropy, budget: undefined });
  }

  /** Fills q for one decision: a softmax over what is allowed, plus the encoder's floor, 0 elsewhere; returns the sum. */
  #probabilities(scores: Float64Array, candidateAction: Uint16Array, start: number, count: number, legal: readonly number[]): number {
    const q = this.#q;
    let highest = -Infinity;
    for (let k = 0; k < count; k++) {
      q[k] = legal[candidateAction[start + k]!] === 1 ? scores[start + k]! : -Infinity;
      if (q[k]! > highest) highest = q[k]!;
    }
    let sum = 0;
    for (let k = 0; k < count; k++) {
      q[k] = Math.exp(q[k]! - highest);
      sum += q[k]!;
    }
    let total = 0;
    for (let k = 0; k < count; k++) {
      if (legal[candidateAction[start + k]!] === 1) q[k] = q[k]! / sum + this.#floor;
      total += q[k]!;
    }
    return total;
  }
}

/** Whether one action alone is legal. */
function isForced(legal: readonly number[]): boolean {
  let count = 0;
  for (const isLegal of legal) count += isLegal;
  return count === 1;
}

/** How the encoder of a checkpoint scores a environment's candidates. */
function scoresOf({ config, parameters }: PolicyCheckpoint): (environment: Environment) => Float64Array {
  if (config.encoder === 'pair') {
    const encoder = new GcnInference(config, parameters);
    return (environment) => encoder.scores(environment);
  }
  const encoder = config.encoder === 'edge' ? new EdgeGnnInference(config, parameters) : new LstmInference(config, parameters);
  return (environment) => encoder.scores(policyGraphOf(environment));
}

function likeliest(q: Float64Array, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (q[k]! > q[best]!) best = k;
  return best;
}

function drawn(stream: RandomStream, q: Float64Array, count: number, total: number): number {
  let rest = stream.uniform() * total;
  let last = 0;
  for (let k = 0; k < count; k++) {
    if (q[k]! <= 0) continue;
    last = k;
    rest -= q[k]!;
    if (rest < 0) break;
  }
  return last;
}
