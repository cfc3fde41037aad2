/**
 * Importance weights of trials that an earlier policy drew:
 *
 *     w_t = min(clip, pi(actions_t | architecture_t) / mu(actions_t | architecture_t))
 *
 * pi is the policy that learns, mu the one that drew. They multiply the policy gradient of a trial and are constants of its loss: no gradient goes through
 * them. Without the bound E_mu[w A grad log pi] = E_pi[A grad log pi] (the likelihood ratio of whole transforms; as a truncated weight: Ionides 2008, and
 * the rho of IMPALA, Espeholt et al. 2018). The bound makes the estimate smaller where pi has come to prefer a transform by more than `clip` times, and in
 * return no single trial counts for more than `clip`.
 */
import { DomainError } from '@nat/base/errors';

/** Found by trying on NAS-Bench-201 (ADR 16). */
export const DEFAULT_IMPORTANCE_CLIP = 2;

/** What a trial says about the policy that drew it. */
export interface Drawn {
  /**
   * log mu(actions | architecture) of the earlier policy that drew the trial, as `Draw.logProb`; left out where the policy that learns drew it: its weight is 1
   * exactly, not the quotient of two roundings.
   */
  readonly behaviourLogProb?: number;
}

/** How the trials of a batch are weighted. */
export interface Importance {
  /** log mu by trial, nats; undefined: its weight is 1. */
  readonly behaviour: readonly (number | undefined)[];
  /** At least 1. */
  readonly clip: number;
}

export interface ImportanceWeights {
  /** By trial. */
  readonly weights: Float64Array;
  /** Trials whose ratio was above the bound. */
  readonly clipped: number;
}

/**
 * How the trials are to be weighted; undefined where none was drawn by an earlier policy.
 * @throws DomainError INVALID_ARGUMENT BEHAVIOUR_LOG_PROB for one that is not finite
 */
export function importanceOf(trials: readonly Drawn[], clip: number): Importance | undefined {
  const behaviour = trials.map(({ behaviourLogProb }) => behaviourLogProb);
  behaviour.forEach((logProb, i) => {
    if (logProb !== undefined && !Number.isFinite(logProb))
      throw DomainError.invalid(`trials[${i}].behaviourLogProb`, 'a log-probability is a finite number', 'BEHAVIOUR_LOG_PROB');
  });
  return behaviour.every((logProb) => logProb === undefined) ? undefined : { behaviour, clip };
}

/** @param logProbs log pi by trial, nats */
export function importanceWeights(logProbs: Float64Array, { behaviour, clip }: Importance): ImportanceWeights {
  let clipped = 0;
  const weights = logProbs.map((logProb, t) => {
    const before = behaviour[t];
    if (before === undefined) return 1;
    const ratio = Math.exp(logProb - before);
    if (ratio > clip) clipped += 1;
    return Math.min(clip, ratio);
  });
  return { weights, clipped };
}
