/**
 * Algorithm 1 of NAT (Guo et al., "NAT: Neural Architecture Transformer for Accurate and Compact Architectures", NeurIPS 2019, section 3.4): the shared
 * weights w of a supernet and the parameters theta of the policy are trained in alternation.
 *
 *     while theta has steps left:
 *       fix theta, update w:  beta_i ~ p(.)
 *                             w     <- w - eta_w (1/m) sum_i grad_w L(beta_i, w)
 *       fix w, update theta:  beta_i ~ p(.),  alpha_i ~ pi(. | beta_i; theta)
 *                             theta <- theta + eta (1/m) sum_i [ R(alpha_i | beta_i; w) grad_theta log pi(alpha_i | beta_i; theta)
 *                                                                + lambda grad_theta H(pi(. | beta_i; theta)) ]
 *
 * p(.) is a `SearchSpace`, R(alpha | beta; w) = value(alpha; w) - value(beta; w) the reward of section 3.1, here less a baseline. Where rewards come from
 * a table or from networks trained from scratch there is no w, and its update does nothing.
 *
 * Two things go beyond the paper. A sampled batch, a round, is committed before it is evaluated and its step is committed with everything that it led to,
 * so that a search goes on wherever it was interrupted. And several rounds may be in flight: a step learns from whichever is evaluated first, with
 * importance weights for rounds that an earlier theta sampled (importance.ts), and rounds that became too stale are dropped. With one round in flight
 * every round is sampled by the theta that learns from it: that is the paper's algorithm, to the bit.
 */
import { DomainError } from '@nat/base/errors';
import {
  candidatesOfRound,
  collateRound,
  type CandidateOutcome,
  type CountedTrial,
  type LeftOutTrial,
  type RoundCandidates,
  type SampledTrial,
} from './round.ts';
import { RoundsInFlight } from './rounds-in-flight.ts';

/** A sampled batch: m sources beta and a transform alpha of each. */
export interface Round {
  /** From 1, in the order of sampling. */
  readonly number: number;
  /** Updates behind the theta that sampled it. */
  readonly policyStep: number;
  readonly trials: readonly SampledTrial[];
  readonly candidates: RoundCandidates;
}

/** What the values of a round's candidates are, and whatever else the evaluation of the round tells. */
export interface Evaluation {
  /** By candidate, as `Round.candidates` numbers them. */
  readonly outcomes: readonly CandidateOutcome[];
}

/** One update of theta, as it is committed. */
export interface LearnedStep<R extends Round, Weights, E extends Evaluation, Learned> {
  /** From 1. */
  readonly step: number;
  /** The round that it learned from. */
  readonly round: R;
  /** Updates between the theta that sampled the round and the one that learned from it. */
  readonly staleness: number;
  readonly weights: Weights;
  readonly evaluation: E;
  readonly counted: readonly CountedTrial[];
  readonly leftOut: readonly LeftOutTrial[];
  readonly learned: Learned;
  /** Rounds in flight that this step made too stale: no step will learn from them. */
  readonly dropped: readonly R[];
}

/** What the algorithm needs of its surroundings. */
export interface SearchPorts<R extends Round, Weights, E extends Evaluation, Learned> {
  /** beta_i ~ p(.), alpha_i ~ pi(. | beta_i; theta). The same round of the same theta is sampled the same. */
  readonly sample: (round: number) => Promise<readonly SampledTrial[]>;
  /** Stores a round before anything of it is evaluated. */
  readonly commitRound: (sampled: Round) => Promise<R>;
  /** Fixes theta and updates w, where w is trained before this round is evaluated; else gives w as it is. */
  readonly trainWeights: (round: R, signal: AbortSignal) => Promise<Weights>;
  /** Values of the round's candidates under w. */
  readonly evaluate: (round: R, weights: Weights, signal: AbortSignal) => Promise<E>;
  /** Fixes w and updates theta. @param staleness as `LearnedStep.staleness`; above 0 the trials are importance-weighted */
  readonly learn: (trials: readonly CountedTrial[], staleness: number) => Promise<Learned>;
  /** Stores an update of theta and the end of its rounds, all or nothing. */
  readonly commitStep: (step: LearnedStep<R, Weights, E, Learned>) => Promise<void>;
  /** Tells whoever evaluates dropped rounds that nobody waits for them. Called after their step is committed. @default nobody is told */
  readonly abandon?: (rounds: readonly R[]) => Promise<void>;
  /** Runs a part of a round, such as in a trace span. @default it is just run */
  readonly within?: <T>(part: 'evaluate' | 'learn', round: R, work: () => Promise<T>) => Promise<T>;
}

/** Where a search stands. */
export interface SearchProgress<R extends Round> {
  /** Updates of theta so far. */
  readonly step: number;
  /** Number of the round that was sampled last; 0 before the first. */
  readonly lastRound: number;
  /** Rounds that were committed and neither learned from nor dropped, in the order of sampling. */
  readonly open: readonly R[];
}

export interface Algorithm1Options<R extends Round> {
  /** Updates of theta in all. */
  readonly steps: number;
  /** Rounds that are evaluated at the same time. With trained weights it has to be 1: they belong to one step. */
  readonly roundsInFlight: number;
  /** A round is dropped once more updates than this were made since it was sampled. At least `roundsInFlight - 1`, or rounds in order would be dropped. */
  readonly maxStaleness: number;
  /** @default the beginning */
  readonly progress?: SearchProgress<R>;
}

/**
 * Runs Algorithm 1 to its last step.
 * @throws DomainError FAILED_PRECONDITION NOTHING_EVALUATED when no trial of a round has a reward; what the ports throw
 */
export async function algorithm1<R extends Round, Weights, E extends Evaluation, Learned>(
  ports: SearchPorts<R, Weights, E, Learned>,
  { steps, roundsInFlight, maxStaleness, progress = { step: 0, lastRound: 0, open: [] } }: Algorithm1Options<R>,
): Promise<void> {
  const { within = runPart } = ports;
  const inFlight = new RoundsInFlight<R, { readonly weights: Weights; readonly evaluation: E }>((round, signal) =>
    within('evaluate', round, async () => {
      // Fix theta, update w.
      const weights = await ports.trainWeights(round, signal);
      return { weights, evaluation: await ports.evaluate(round, weights, signal) };
    }),
  );
  let { step, lastRound } = progress;
  try {
    for (const round of progress.open) inFlight.add(round);
    while (step < steps) {
      while (inFlight.size < Math.min(roundsInFlight, steps - step)) {
        // beta_i ~ p(.), alpha_i ~ pi(. | beta_i; theta)
        lastRound += 1;
        const trials = await ports.sample(lastRound);
        inFlight.add(await ports.commitRound({ number: lastRound, policyStep: step, trials, candidates: candidatesOfRound(trials) }));
      }
      const { round, weights, evaluation } = await inFlight.next();
      const staleness = step - round.policyStep;
      step += 1;
      const dropped = inFlight.rounds.filter(({ policyStep }) => step - policyStep > maxStaleness);
      await within('learn', round, async () => {
        // R(alpha_i | beta_i; w)
        const { counted, leftOut } = collateRound(round.trials, round.candidates, evaluation.outcomes);
        if (counted.length === 0) throw nothingEvaluated(step, leftOut);
        // Fix w, update theta.
        const learned = await ports.learn(counted, staleness);
        await ports.commitStep({ step, round, staleness, weights, evaluation, counted, leftOut, learned, dropped });
      });
      if (dropped.length > 0) {
        await inFlight.stop(dropped);
        await ports.abandon?.(dropped);
      }
    }
  } finally {
    await inFlight.stop(inFlight.rounds);
  }
}

/** Just runs a part of a round. */
function runPart<T>(_part: 'evaluate' | 'learn', _round: Round, work: () => Promise<T>): Promise<T> {
  return work();
}

function nothingEvaluated(step: number, leftOut: readonly LeftOutTrial[]): DomainError {
  const why = leftOut[0]?.failure ?? 'the round has no trials';
  return new DomainError('FAILED_PRECONDITION', `step ${step}: no trial could be evaluated: ${why}`, { reason: 'NOTHING_EVALUATED' });
}
