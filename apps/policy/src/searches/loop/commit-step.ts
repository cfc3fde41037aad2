/** A step of a search in the database: what was learned, committed together with what it was learned from. */
import { failpoint } from '@nat/base/failpoints';
import { epochOf, type CandidateOutcome, type LearnedStep, type RoundCandidates } from '@nat/nat';
import { sql } from 'kysely';
import type { Learned } from '../learner/protocol.ts';
import { NO_CANDIDATE } from '../evaluation/evaluation-requests.ts';
import { wrapLearnerState } from '../store/learner-state.ts';
import { consumeRound, dropRounds } from '../store/open-rounds.ts';
import { publishStep } from '../store/search-events.ts';
import type { StoredEvaluation } from '../store/round-store.ts';
import { SEARCH_CHANNEL } from '../store/search-store.ts';
import { requireOwnership, type CommittedRound, type Run } from './run.ts';
import type { TrainedWeights } from './train-weights.ts';

/** The values of a round's candidates, and the evaluations that they come from. */
export interface RoundEvaluation {
  readonly outcomes: readonly CandidateOutcome[];
  readonly evaluations: readonly StoredEvaluation[];
}

/** A step of this service's searches. */
export type CommittedStep = LearnedStep<CommittedRound, TrainedWeights, RoundEvaluation, Learned>;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Candidates of a round that have values, and those that have none. */
export interface CandidateCounts {
  readonly known: number;
  readonly failed: number;
}

export function countCandidates({ texts }: RoundCandidates, outcomes: readonly CandidateOutcome[]): CandidateCounts {
  const failed = outcomes.filter((outcome, i) => texts[i] !== NO_CANDIDATE && 'failure' in outcome).length;
  return { failed, known: texts.filter((text) => text !== NO_CANDIDATE).length - failed };
}

/** Means over the trials of a step that count, on shared weights. */
function accuraciesOf({ spec }: Run, { round, evaluation, counted }: CommittedStep): { readonly source: number | null; readonly result: number | null } {
  if (spec.reward.kind !== 'shared-weights') return { source: null, result: null };
  const positions = new Map(round.trials.map((trial, i) => [trial, round.candidates.trials[i]!]));
  const mean = (of: 'source' | 'result'): number =>
    sum(
      counted.flatMap(({ trial }) => {
        const outcome = evaluation.outcomes[positions.get(trial)![of]]!;
        return 'failure' in outcome ? [] : [outcome.value];
      }),
    ) / counted.length;
  return { source: mean('source'), result: mean('result') };
}

/** One transaction: the step number moves past the round's outcomes, so they count once, together with the state they led to. */
export async function commitStep(run: Run, learnedStep: CommittedStep): Promise<void> {
  const { step, round, staleness, weights: trained, evaluation, counted, learned, dropped } = learnedStep;
  const { outcomes, evaluations } = evaluation;
  const { database, blobs, owned, signal, spec } = run;
  const { weights } = trained;
  const droppedTrials = sum(dropped.map(({ trials }) => trials.length));
  const accuracies = accuraciesOf(run, learnedStep);
  const { stats, checkpoint } = learned;
  // Durable before the row that names it.
  const learnerState = await blobs.put(wrapLearnerState({ search: run.name, epoch: owned.epoch, step }, checkpoint));
  await failpoint('policy.learned');
  signal.throwIfAborted();
  await database.transaction(async (tx) => {
    await requireOwnership(tx, owned, run.step);
    await consumeRound(tx, round.ordinal, step);
    await dropRounds(tx, dropped.map(({ ordinal }) => ordinal), step); // prettier-ignore
    const counts = countCandidates(round.candidates, outcomes);
    const failed = counts.failed + sum(dropped.map(({ candidates }) => candidates.texts.length));
    await tx
      .updateTable('policy.search')
      .set({
        step,
        candidates: sql<number>`candidates + ${counts.known}`,
        failed_candidates: sql<number>`failed_candidates + ${failed}`,
        rewards: sql<number>`rewards + ${counted.length}`,
        dropped_trials: sql<number>`dropped_trials + ${droppedTrials}`,
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
        candidates: counts.known,
        failed_candidates: failed,
        rewards: counted.length,
        mean_reward: stats.meanReward,
        mean_greedy_reward: sum(counted.map(({ greedyReward = 0 }) => greedyReward)) / counted.length,
        baseline: stats.baseline,
        entropy: stats.entropy,
        loss: stats.loss,
        gradient_norm: stats.gradientNorm,
        source_accuracy: accuracies.source,
        result_accuracy: accuracies.result,
        train_loss: trained.loss,
        train_accuracy: trained.accuracy,
        weight_rounds: trained.rounds,
        epoch: spec.reward.kind === 'shared-weights' ? epochOf(spec.reward, step) + 1 : 0,
        evaluations: trained.evaluations + evaluations.length,
        round: round.number,
        staleness,
        mean_weight: stats.meanWeight,
        clipped_share: stats.clippedShare,
        dropped_trials: droppedTrials,
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

/** Weights are a search's own too, but forks begin with those of their parent. */
async function deleteWeights({ database, blobs }: Run, keys: readonly string[]): Promise<void> {
  const own = keys.filter((key) => key !== '');
  if (own.length === 0) return;
  const named = await database.kysely.selectFrom('policy.search').select('weights').where('weights', 'in', own).execute();
  const kept = new Set(named.map(({ weights }) => weights));
  for (const key of own) if (!kept.has(key)) await blobs.delete(key);
}
