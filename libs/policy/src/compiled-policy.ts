/** Drawing transforms from a policy, in plain JavaScript: no TensorFlow is loaded, so any process can serve it. */
import type { RandomStream } from '@nat/random';
import type { PolicyCheckpoint } from './checkpoint.ts';
import { CompiledEdgePolicy } from './compiled-edge.ts';
import { CompiledPairPolicy } from './compiled-pair.ts';
import type { PolicyConfig } from './config.ts';
import { Draw } from './draw.ts';
import { SequentialMask, type Budget } from './masks.ts';
import { PROBABILITY_FLOOR } from './probability.ts';
import type { Subject } from './subject.ts';

/** `greedy` takes the likeliest candidate of every decision, the first of equals. `sample` draws with the stream given. */
export type DrawMode = { readonly mode: 'greedy' } | { readonly mode: 'sample'; readonly stream: RandomStream };

/** A policy ready to draw. Safe to share: it keeps nothing but the scores of the last subject. */
export class CompiledPolicy {
  readonly config: PolicyConfig;
  readonly #scores: (subject: Subject) => Float64Array;
  readonly #floor: number;
  #lastSubject: Subject | undefined;
  #lastScores: Float64Array = new Float64Array(0);

  constructor(checkpoint: PolicyCheckpoint) {
    const { config } = checkpoint;
    this.config = config;
    if (config.encoder === 'edge') {
      const encoder = new CompiledEdgePolicy(config, checkpoint.parameters);
      this.#scores = ({ graph }) => encoder.scores(graph);
    } else {
      const encoder = new CompiledPairPolicy(config, checkpoint.parameters);
      this.#scores = (subject) => encoder.scores(subject);
    }
    this.#floor = config.encoder === 'pair' ? PROBABILITY_FLOOR : 0;
  }

  /**
   * The unnormalised log-probability of every candidate of the subject, before masks. [candidates]
   * @throws DomainError FAILED_PRECONDITION, reason POLICY_NOT_APPLICABLE
   */
  scores(subject: Subject): Float64Array {
    if (this.#lastSubject !== subject) {
      this.#lastScores = this.#scores(subject);
      this.#lastSubject = subject;
    }
    return this.#lastScores;
  }

  /**
   * One transform. Drawing again from the same subject costs no second encoding.
   * @throws DomainError FAILED_PRECONDITION: POLICY_NOT_APPLICABLE; BUDGET_UNREACHABLE with the attainable minimum
   */
  draw(subject: Subject, mode: DrawMode, budget?: Budget): Draw {
    const scores = this.scores(subject);
    const { decisions, candidateStart, widest } = subject;
    const mask = new SequentialMask(subject, budget);
    const allowed = new Uint8Array(widest);
    const q = new Float64Array(widest);
    const actions = new Int32Array(decisions.length);
    const probabilities = new Float64Array(decisions.length);
    let logProb = 0;
    let entropy = 0;
    for (let d = 0; d < decisions.length; d++) {
      const width = decisions[d]!.targets.length;
      const choices = mask.allowed(allowed, 0);
      const total = this.#probabilities(scores, candidateStart[d]!, width, allowed, q);
      const action = mode.mode === 'greedy' ? likeliest(q, width, allowed) : drawn(mode.stream, q, width, total);
      actions[d] = action;
      probabilities[d] = choices === 1 ? 1 : q[action]! / total;
      if (choices > 1) {
        logProb += Math.log(q[action]!);
        for (let k = 0; k < width; k++) if (q[k]! > 0) entropy -= q[k]! * Math.log(q[k]!);
      }
      mask.take(action);
    }
    return new Draw(subject, actions, probabilities, logProb, entropy);
  }

  /** q of one decision: a softmax over what is allowed, plus the encoder's floor; returns their sum. */
  #probabilities(scores: Float64Array, start: number, width: number, allowed: Uint8Array, q: Float64Array): number {
    let highest = -Infinity;
    for (let k = 0; k < width; k++) if (allowed[k] === 1 && scores[start + k]! > highest) highest = scores[start + k]!;
    let sum = 0;
    for (let k = 0; k < width; k++) {
      q[k] = allowed[k] === 1 ? Math.exp(scores[start + k]! - highest) : 0;
      sum += q[k]!;
    }
    let total = 0;
    for (let k = 0; k < width; k++) {
      if (allowed[k] === 1) q[k] = q[k]! / sum + this.#floor;
      total += q[k]!;
    }
    return total;
  }
}

function likeliest(q: Float64Array, width: number, allowed: Uint8Array): number {
  let best = -1;
  for (let k = 0; k < width; k++) if (allowed[k] === 1 && (best < 0 || q[k]! > q[best]!)) best = k;
  return best;
}

function drawn(stream: RandomStream, q: Float64Array, width: number, total: number): number {
  let rest = stream.uniform() * total;
  let last = 0;
  for (let k = 0; k < width; k++) {
    if (q[k]! <= 0) continue;
    last = k;
    rest -= q[k]!;
    if (rest < 0) break;
  }
  return last;
}
