/** The last thing that a search on shared weights does: it compares what it learned with what it began as, on images set aside for that. */
import type { search as wire } from '@nat/contracts';
import { compareHeldOut, pairsOfRound, type EffectiveSearchSpec, type MeanInterval, type PairOutcome } from '@nat/nat';
import { withSpan } from '@nat/base/tracing';
import { findComparison, readOutcomes } from '../store/round-store.ts';
import { commitRound, evaluate, readRound, roundSpan, type CommittedRound, type Run } from './run.ts';

type HeldOutComparisonSpec = NonNullable<EffectiveSearchSpec['heldOutComparison']>;

/** `report` is undefined where the spec wants no comparison, or too little could be evaluated for one. */
export interface PolicyComparison {
  readonly report?: wire.HeldOutReport;
  /** Of every pair that was evaluated for it. */
  readonly outcomes: readonly PairOutcome[];
}

/**
 * A round after the last step: it is sampled, committed and evaluated as the others are, and nothing is learned from it.
 */
export async function comparePolicies(run: Run): Promise<PolicyComparison> {
  const { spec } = run;
  const { heldOutComparison, learner } = spec;
  if (heldOutComparison === undefined || heldOutComparison.sources === 0) return { outcomes: [] };
  return withSpan('search.compare', roundSpan(run, learner.steps + 1), () => compare(run, heldOutComparison));
}

async function compare(run: Run, { sources, images }: HeldOutComparisonSpec): Promise<PolicyComparison> {
  const { logger } = run;
  const round = await comparisonRound(run, sources);
  const evaluations = await evaluate(run, round, ({ kind }) => kind === 'pairs', [run.weights], run.signal);
  const outcomes = await readOutcomes(run.database.kysely, round.ordinal, round.pairs.pairs.length, evaluations);
  const comparison = compareHeldOut(outcomes);
  if (comparison === undefined) {
    logger.warn({ sources }, 'too few results could be evaluated to compare policies');
    return { outcomes };
  }
  const report = { ...comparison, images, difference: toWire(comparison.difference), gain: toWire(comparison.gain) };
  return { report, outcomes };
}

/** As an earlier run committed it, else sampled and committed now. */
async function comparisonRound(run: Run, sources: number): Promise<CommittedRound> {
  const stored = await findComparison(run.database.kysely, run.owned.row.ordinal);
  if (stored !== undefined) return readRound(run, stored);
  const trials = await run.learner.drawHeldOut(sources, await run.start());
  return commitRound(run, { number: run.step + 1, policyStep: run.step, trials, pairs: pairsOfRound(trials) }, true);
}

function toWire({ mean, half }: MeanInterval): wire.MeanInterval {
  return { mean, low: mean - half, high: mean + half };
}
