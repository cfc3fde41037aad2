/**
 * The asynchronous mode: several rounds are evaluated at the same time, and a step learns from whichever is done first. Every round is committed with the
 * number of steps behind the policy that drew it; a step consumes its round in its own transaction and drops those that it made too stale, so a process may
 * be killed between any two lines: the next owner waits for what is open. Which round comes first is not repeatable; that each counts once is.
 */
import { withSpan } from '@nat/base/tracing';
import { lastRound, readAbandoned, readOpenRounds, STALE } from '../store/round-fate.ts';
import type { StoredEvaluation } from '../store/round-store.ts';
import { abandon } from '../evaluation/evaluate-round.ts';
import { learnStep } from './learn-step.ts';
import { commitRound, evaluate, evaluateContext, learnSpan, readRound, roundSpan, type Round, type Run } from './run.ts';
import { trainWeights } from './train-weights.ts';

/** A round that is being evaluated. */
interface Flight {
  readonly round: Round;
  readonly policyStep: number;
  /** Ends the waiting for it. */
  readonly abort: AbortController;
  /** Never rejects: nobody may be listening yet. */
  readonly landed: Promise<Landing>;
}

type Landing = { readonly round: Round } & (
  { readonly evaluations: readonly StoredEvaluation[]; readonly traceparent: string | undefined } | { readonly error: unknown }
);

/** Learns until all steps are done. @throws as `runSearch` */
export async function learnAsynchronously(run: Run): Promise<void> {
  const { spec, owned, database } = run;
  // By ordinal, in the order they were drawn: where several are done, the oldest goes first.
  const flights = new Map<number, Flight>();
  const launch = (round: Round, policyStep: number): void => {
    flights.set(round.ordinal, takeOff(run, round, policyStep));
  };
  try {
    const search = owned.row.ordinal;
    await abandonDropped(run);
    for (const { ordinal, number, policyStep } of await readOpenRounds(database.kysely, search)) launch(await readRound(run, ordinal, number), policyStep);
    let last = await lastRound(database.kysely, search);
    while (run.step < spec.steps) {
      while (flights.size < Math.min(spec.roundsInFlight, spec.steps - run.step)) {
        last += 1;
        launch(await commitRound(run, last, await run.learner.draw(last), run.step), run.step);
      }
      const landing = await Promise.race([...flights.values()].map(({ landed }) => landed));
      if ('error' in landing) throw landing.error;
      const { round, evaluations, traceparent } = landing;
      const staleness = run.step - flights.get(round.ordinal)!.policyStep;
      flights.delete(round.ordinal);
      await withSpan('search.learn', learnSpan(run, traceparent), async () =>
        learnStep(run, { round, trained: await trainWeights(run, round), evaluations, flight: { staleness } }),
      );
      await dropStale(run, flights);
    }
  } finally {
    await stop([...flights.values()], 'nobody waits for it any more');
  }
}

function takeOff(run: Run, round: Round, policyStep: number): Flight {
  const abort = new AbortController();
  const signal = AbortSignal.any([run.signal, abort.signal]);
  const evaluated = withSpan('search.round', roundSpan(run, round.key.step), async ({ traceparent }) => {
    const evaluations = await evaluate(run, round, ({ kind }) => kind === 'pairs', [run.weights], signal);
    return { evaluations, traceparent };
  });
  const landed = evaluated.then(
    ({ evaluations, traceparent }) => ({ round, evaluations, traceparent }),
    (error: unknown) => ({ round, error }),
  );
  return { round, policyStep, abort, landed };
}

/** Leaves the rounds that the step's transaction has dropped. */
async function dropStale(run: Run, flights: Map<number, Flight>): Promise<void> {
  const stale = [...flights.values()].filter(({ policyStep }) => run.step - policyStep > (run.spec.maxStaleness ?? 0));
  if (stale.length === 0) return;
  for (const { round } of stale) flights.delete(round.ordinal);
  run.logger.warn({ step: run.step, rounds: stale.map(({ round }) => round.key.step) }, 'rounds are dropped as stale');
  await stop(stale, STALE);
  await abandonDropped(run);
}

async function stop(flights: readonly Flight[], reason: string): Promise<void> {
  for (const { abort } of flights) abort.abort(new Error(reason));
  await Promise.all(flights.map(({ landed }) => landed));
}

/** Also what an earlier owner has dropped and was killed before it could say so. */
async function abandonDropped(run: Run): Promise<void> {
  const names = await readAbandoned(run.database.kysely, run.owned.row.ordinal);
  if (names.length > 0) await abandon(evaluateContext(run), names, STALE, run.signal);
}
