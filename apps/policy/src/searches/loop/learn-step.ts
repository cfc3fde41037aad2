/** A step of a search: what came of a round is learned from, and committed together with what it led to. */
import { DomainError } from '@nat/base/errors';
import { failpoint } from '@nat/base/failpoints';
import { collateRound, type CountedTrial, type PairOutcome } from '@nat/nat';
import { sql } from 'kysely';
import { consumeRound, dropStaleRounds, type DroppedRounds } from '../store/round-fate.ts';
import { wrapLearnerState } from '../store/learner-state.ts';
import type { Learned } from '../learner/protocol.ts';
import { readOutcomes, type StoredEvaluation } from '../store/round-store.ts';
import { publishStep } from '../store/search-events.ts';
import { evaluatorOf } from '../contract/search-spec.ts';
import { SEARCH_CHANNEL, type Tx } from '../store/search-store.ts';
import { epochOf } from '../contract/shared-weights-spec.ts';
import { requireOwnership, type Round, type Run } from './run.ts';
import type { TrainedWeights } from './train-weights.ts';

/** A round whose evaluations have ended. */
export interface EvaluatedRound {
  readonly round: Round;
  readonly trained: TrainedWeights;
  readonly evaluations: readonly StoredEvaluation[];
  /** Of an asynchronous search: steps learned since the policy that drew it. */
  readonly flight?: { readonly staleness: number };
}

/**
 * The next step, learned from a round.
 * @throws DomainError FAILED_PRECONDITION NOTHING_EVALUATED; ABORTED SEARCH_NOT_OWNED
 */
export async function learnStep(run: Run, evaluated: EvaluatedRound): Promise<void> {
  const { round, evaluations, flight } = evaluated;
  const step = run.step + 1;
  const outcomes = await readOutcomes(run.database.kysely, round.ordinal, round.pairs.pairs.length, evaluations);
  const { counted, leftOut } = collateRound(round.trials, round.pairs, outcomes);
  if (counted.length === 0) {
    throw new DomainError('FAILED_PRECONDITION', `step ${step}: no pair could be evaluated: ${leftOut[0]?.failure ?? 'no trials'}`, {
      reason: 'NOTHING_EVALUATED',
    });
  }
  for (const { trial, failure } of leftOut.slice(0, 3)) run.logger.warn({ step, trial: trial.index, failure }, 'a trial is left out');
  const learned = await run.learner.learn(counted, flight?.staleness ?? 0);
  await commitStep(run, { ...evaluated, step, outcomes, counted, learned });
}

/** Pairs without values. */
export function failedAmong(outcomes: readonly PairOutcome[]): number {
  return outcomes.filter((outcome) => 'failure' in outcome).length;
}

/** Means over the pairs of a step that were evaluated, on shared weights. */
function accuraciesOf({ spec }: Run, outcomes: readonly PairOutcome[]): { readonly source: number | null; readonly result: number | null } {
  if (evaluatorOf(spec) !== 'shared-weights') return { source: null, result: null };
  const known = outcomes.flatMap((outcome) => ('failure' in outcome ? [] : [outcome]));
  const mean = (of: 'sourceValue' | 'resultValue'): number => known.reduce((sum, outcome) => sum + outcome[of], 0) / known.length;
  return { source: mean('sourceValue'), result: mean('resultValue') };
}

interface LearnedStep extends EvaluatedRound {
  readonly step: number;
  readonly outcomes: readonly PairOutcome[];
  readonly counted: readonly CountedTrial[];
  readonly learned: Learned;
}

/** One transaction: the step number moves past the round's outcomes, so they count once, together with the state they led to. */
async function commitStep(run: Run, { step, round, flight, trained, evaluations, outcomes, counted, learned }: LearnedStep): Promise<void> {
  const { database, blobs, owned, signal, spec } = run;
  const { weights } = trained;
  const accuracies = accuraciesOf(run, outcomes);
  const { stats, checkpoint } = learned;
  // Durable before the row that names it.
  const learnerState = await blobs.put(wrapLearnerState({ search: run.name, epoch: owned.epoch, step }, checkpoint));
  await failpoint('policy.learned');
  signal.throwIfAborted();
  await database.transaction(async (tx) => {
    await requireOwnership(tx, owned, run.step);
    const dropped = flight === undefined ? undefined : await closeRounds(tx, run, { step, round });
    const without = failedAmong(outcomes);
    const failed = without + (dropped?.pairs ?? 0);
    const pairs = outcomes.length - without;
    await tx
      .updateTable('policy.search')
      .set({
        step,
        pairs: sql<number>`pairs + ${pairs}`,
        failed_pairs: sql<number>`failed_pairs + ${failed}`,
        rewards: sql<number>`rewards + ${counted.length}`,
        dropped_trials: sql<number>`dropped_trials + ${dropped?.trials ?? 0}`,
        learner_state: learnerState,
        weights,
        weight_rounds: sql<number>`weight_rounds + ${trained.rounds}`,
        update_time: sql<Date>`clock_timestamp()`,
        revision: sql<number>`revision + 1`,
      })
      .where('ordinal', '=', owned.row.ordinal)
      .execute();
    const row = await tx
      .insertInto('policy.step')
      .values({
        search: owned.row.ordinal,
        step,
        pairs,
        failed_pairs: failed,
        rewards: counted.length,
        mean_reward: stats.meanReward,
        mean_greedy_reward: counted.reduce((sum, { greedyReward = 0 }) => sum + greedyReward, 0) / counted.length,
        baseline: stats.baseline,
        entropy: stats.entropy,
        loss: stats.loss,
        gradient_norm: stats.gradientNorm,
        source_accuracy: accuracies.source,
        result_accuracy: accuracies.result,
        train_loss: trained.loss,
        train_accuracy: trained.accuracy,
        weight_rounds: trained.rounds,
        epoch: evaluatorOf(spec) === 'shared-weights' ? epochOf(spec, step) + 1 : 0,
        evaluations: trained.evaluations + evaluations.length,
        round: flight === undefined ? null : round.key.step,
        staleness: flight?.staleness ?? null,
        mean_weight: flight === undefined ? null : stats.meanWeight,
        clipped_share: flight === undefined ? null : stats.clippedShare,
        dropped_trials: dropped?.trials ?? null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await publishStep(tx, owned.row, row);
  });
  const superseded = run.learnerState;
  const supersededWeights = [...trained.superseded, ...(run.weights === weights ? [] : [run.weights])];
  Object.assign(run, { step, learnerState, weights, checkpoint });
  database.signal(SEARCH_CHANNEL);
  // Nobody else can name this blob (see learner-state.ts). One that a crash leaves behind is for the collection of unreferenced blobs.
  if (superseded !== '' && superseded !== learnerState) await blobs.delete(superseded);
  await deleteWeights(run, supersededWeights);
}

/** The round that was learned from is consumed; those that are too stale now will not be. */
async function closeRounds(tx: Tx, { owned, spec }: Run, { step, round }: { readonly step: number; readonly round: Round }): Promise<DroppedRounds> {
  await consumeRound(tx, round.ordinal, step);
  return dropStaleRounds(tx, { search: owned.row.ordinal, step, maxStaleness: spec.maxStaleness ?? 0 });
}

/** Weights are a search's own too, but forks begin with those of their parent. */
async function deleteWeights({ database, blobs }: Run, keys: readonly string[]): Promise<void> {
  const own = keys.filter((key) => key !== '');
  if (own.length === 0) return;
  const named = await database.kysely.selectFrom('policy.search').select('weights').where('weights', 'in', own).execute();
  const kept = new Set(named.map(({ weights }) => weights));
  for (const key of own) if (!kept.has(key)) await blobs.delete(key);
}
