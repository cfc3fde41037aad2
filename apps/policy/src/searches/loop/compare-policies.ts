/** The last thing that a search on shared weights does: it compares what it learned with what it began as, on images set aside for that. */
import type { search as wire } from '@nat/contracts';
import { candidatesOfRound, compareHeldOut, type EffectiveSearchSpec, type MeanInterval } from '@nat/nat';
import { withSpan } from '@nat/base/tracing';
import { findComparison, readOutcomes } from '../store/round-store.ts';
import { countCandidates, type CandidateCounts } from './commit-step.ts';
import { commitRound, evaluate, readRound, roundSpan, type CommittedRound, type Run } from './run.ts';

type HeldOutComparisonSpec = NonNullable<EffectiveSearchSpec['heldOutComparison']>;

/** `report` is undefined where the spec wants no comparison, or too little could be evaluated for one. */
export interface PolicyComparison {
  readonly report?: wire.HeldOutReport;
  /** Candidates that were evaluated for it. */
  readonly counts: CandidateCounts;
}

/**
 * A round after the last step: it is sampled, committed and evaluated as the others are, and nothing is learned from it.
 */
export async function comparePolicies(run: Run): Promise<PolicyComparison> {
  const { spec } = run;
  const { heldOutComparison, learner } = spec;
  if (heldOutComparison === undefined || heldOutComparison.sources === 0) return { counts: { known: 0, failed: 0 } };
  return withSpan('search.compare', roundSpan(run, learner.steps + 1), () => compare(run, heldOutComparison));
}

async function compare(run: Run, { sources, images }: HeldOutComparisonSpec): Promise<PolicyComparison> {
  const { logger } = run;
  const round = await comparisonRound(run, sources);
  const evaluations = await evaluate(run, round, ({ kind }) => kind === 'candidates', [run.weights], run.signal);
  const outcomes = await readOutcomes(run.database.kysely, round.ordinal, round.candidates.texts.length, evaluations);
  const counts = countCandidates(round.candidates, outcomes);
  const comparison = compareHeldOut(round.candidates, outcomes);
  if (comparison === undefined) {
    logger.warn({ sources }, 'too few results could be evaluated to compare policies');
    return { counts };
  }
  const report = { ...comparison, images, difference: toWire(comparison.difference), gain: toWire(comparison.gain) };
  return { report, counts };
}

/** As an earlier run committed it, else sampled and committed now. */
async function comparisonRound(run: Run, sources: number): Promise<CommittedRound> {
  const stored = await findComparison(run.database.kysely, run.owned.row.ordinal);
  if (stored !== undefined) return readRound(run, stored);
  const trials = await run.learner.drawHeldOut(sources, await run.start());
  return commitRound(run, { number: run.step + 1, policyStep: run.step, trials, candidates: candidatesOfRound(trials) }, true);
}

function toWire({ mean, half }: MeanInterval): wire.MeanInterval {
  return { mean, low: mean - half, high: mean + half };
}
