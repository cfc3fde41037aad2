/** Algorithm 1 on the database, the evaluator's queue and a learner process: every round is committed before it is evaluated, every step before the next begins. */
import type { SearchPorts, SearchProgress } from '@nat/nat';
import { withSpan } from '@nat/base/tracing';
import { abandon } from '../evaluation/evaluate-round.ts';
import type { Learned } from '../learner/protocol.ts';
import { lastRound, readAbandoned, readOpenRounds, STALE } from '../store/open-rounds.ts';
import { readOutcomes } from '../store/round-store.ts';
import { commitStep, type RoundEvaluation } from './commit-step.ts';
import { commitRound, evaluate, evaluateContext, learnSpan, readRound, roundSpan, type CommittedRound, type Run } from './run.ts';
import { trainWeights, type TrainedWeights } from './train-weights.ts';

/** Where the database says that the search stands: rounds that an earlier owner committed are evaluated to their end. */
export async function readProgress(run: Run): Promise<SearchProgress<CommittedRound>> {
  const { database, owned } = run;
  const search = owned.row.ordinal;
  const open = await readOpenRounds(database.kysely, search);
  return {
    step: run.step,
    lastRound: await lastRound(database.kysely, search),
    open: await Promise.all(open.map((round) => readRound(run, round))),
  };
}

/** The ports of a run. */
export function searchPorts(run: Run): SearchPorts<CommittedRound, TrainedWeights, RoundEvaluation, Learned> {
  const { learner, database, logger } = run;
  const traceparents = new WeakMap<CommittedRound, string | undefined>();
  return {
    sample: (round) => learner.draw(round),
    commitRound: (sampled) => commitRound(run, sampled),
    trainWeights: (round, signal) => trainWeights(run, round, AbortSignal.any([run.signal, signal])),
    evaluate: async (round, { weights }, signal) => {
      const evaluations = await evaluate(run, round, ({ kind }) => kind === 'candidates', [weights], AbortSignal.any([run.signal, signal]));
      return { evaluations, outcomes: await readOutcomes(database.kysely, round.ordinal, round.candidates.texts.length, evaluations) };
    },
    learn: (trials, staleness) => learner.learn(trials, staleness),
    commitStep: async (step) => {
      for (const { trial, failure } of step.leftOut.slice(0, 3)) logger.warn({ step: step.step, trial: trial.index, failure }, 'a trial is left out');
      if (step.dropped.length > 0) logger.warn({ step: step.step, rounds: step.dropped.map(({ number }) => number) }, 'rounds are dropped as stale');
      await commitStep(run, step);
    },
    abandon: () => abandonDropped(run),
    within: (part, round, work) =>
      part === 'learn'
        ? withSpan('search.learn', learnSpan(run, traceparents.get(round)), work)
        : withSpan('search.round', roundSpan(run, round.number), ({ traceparent }) => {
            traceparents.set(round, traceparent);
            return work();
          }),
  };
}

/** Cancels the evaluations of dropped rounds, also of those that an earlier owner dropped and was killed before it could cancel them. */
export async function abandonDropped(run: Run): Promise<void> {
  const names = await readAbandoned(run.database.kysely, run.owned.row.ordinal);
  if (names.length > 0) await abandon(evaluateContext(run), names, STALE, run.signal);
}
