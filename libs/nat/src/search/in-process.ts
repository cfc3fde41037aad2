/** Algorithm 1 in one process: nothing is stored, and whoever calls says what architectures are worth. */
import type { StepStats } from '../learning/reinforce.ts';
import { algorithm1, type LearnedStep, type Round } from './algorithm-1.ts';
import type { CandidateOutcome } from './round.ts';
import type { SearchSession } from './session.ts';

/** What a step saw and did. */
export type InProcessStep = LearnedStep<Round, undefined, { readonly outcomes: readonly CandidateOutcome[] }, StepStats>;

export interface InProcessOptions {
  readonly session: SearchSession;
  readonly steps: number;
  /** @default 1 */
  readonly roundsInFlight?: number;
  /** @default never dropped */
  readonly maxStaleness?: number;
  /** Outcomes by candidate of a round, as `Round.candidates` numbers them. */
  readonly evaluate: (round: Round) => readonly CandidateOutcome[] | Promise<readonly CandidateOutcome[]>;
  readonly onStep?: (step: InProcessStep) => void;
}

/** Learns the policy of a session: with one round in flight the same bits as the services give for the same spec and rewards. */
export async function searchInProcess({ session, steps, roundsInFlight = 1, maxStaleness = Infinity, evaluate, onStep }: InProcessOptions): Promise<void> {
  await algorithm1<Round, undefined, { readonly outcomes: readonly CandidateOutcome[] }, StepStats>(
    {
      sample: (round) => Promise.resolve(session.sample(round)),
      commitRound: (round) => Promise.resolve(round),
      trainWeights: () => Promise.resolve(undefined),
      evaluate: async (round) => ({ outcomes: await evaluate(round) }),
      learn: (trials, staleness) => session.learn(trials, staleness),
      commitStep: (step) => {
        onStep?.(step);
        return Promise.resolve();
      },
    },
    { steps, roundsInFlight, maxStaleness },
  );
}
