/** One search, step after step, by the process that owns it. Everything it may lose is in memory; everything that counts is committed first. */
import { search as wire } from '@nat/contracts';
import { DomainError } from '@nat/errors';
import { failpoint } from '@nat/failpoints';
import { sha256 } from '@nat/nn';
import { collateRound, freshStart, type CollatedRound, type PairOutcome } from '@nat/search';
import { sql } from 'kysely';
import { addVersion } from '../../policies/policy-store.ts';
import { unwrapLearnerState, wrapLearnerState } from '../learner-state.ts';
import type { Learned } from '../learner/protocol.ts';
import { searchNames } from '../names.ts';
import { readOutcomes } from '../round-store.ts';
import { evaluatorOf, schemeOf, sessionSpecOf } from '../search-spec.ts';
import { publishStep } from '../search-events.ts';
import { changeState, SEARCH_CHANNEL, type Tx } from '../search-store.ts';
import { epochOf } from '../shared-weights-spec.ts';
import { comparePolicies, type PolicyComparison } from './compare-policies.ts';
import { evaluate, requireOwnership, roundOf, type OwnedSearch, type Run, type RunContext } from './run.ts';
import { trainWeights, type TrainedWeights } from './train-weights.ts';

/**
 * Runs an owned search to its end.
 * @throws DomainError ABORTED SEARCH_NOT_OWNED when it was paused, cancelled or taken over; the signal's reason; what fails for good
 */
export async function runSearch(context: RunContext, owned: OwnedSearch, signal: AbortSignal): Promise<void> {
  const { row } = owned;
  const spec = wire.SearchSpec.fromJSON(row.spec);
  const stored = await openingState(context, owned, spec);
  signal.throwIfAborted();
  const learner = await context.startLearner(sessionSpecOf(spec), stored);
  const kill = (): void => void learner.close();
  signal.addEventListener('abort', kill);
  try {
    const name = searchNames.format({ namespace: row.namespace, search: row.search_id });
    const run: Run = {
      ...context,
      owned,
      spec,
      name,
      learner,
      signal,
      start: () => startOf(context, owned, spec),
      step: row.step,
      learnerState: row.learner_state,
      weights: row.weights,
      checkpoint: learner.opened,
    };
    while (run.step < spec.steps) await runStep(run);
    await finish(run, await comparePolicies(run));
  } finally {
    signal.removeEventListener('abort', kill);
    await learner.close();
  }
}

/** Where the learner starts: the state after the last step, or what the search begins with. */
async function openingState(context: RunContext, owned: OwnedSearch, spec: wire.SearchSpec): Promise<Uint8Array | undefined> {
  const { learner_state: learnerState } = owned.row;
  return learnerState === '' ? startOf(context, owned, spec) : unwrapLearnerState(await context.blobs.get(learnerState));
}

/** The policy to start from; undefined for a fresh one. What a fork began with is superseded by its first step: it is compared with a fresh policy. */
async function startOf({ loadPolicy }: RunContext, { row }: OwnedSearch, { initialPolicy }: wire.SearchSpec): Promise<Uint8Array | undefined> {
  return initialPolicy === '' ? undefined : freshStart(await loadPolicy(row.namespace, initialPolicy));
}

async function runStep(run: Run): Promise<void> {
  const step = run.step + 1;
  const round = await roundOf(run, step, () => run.learner.draw(step));
  const trained = await trainWeights(run, round);
  const evaluations = await evaluate(run, round, ({ kind }) => kind === 'pairs', [trained.weights]);
  const outcomes = await readOutcomes(run.database.kysely, round.ordinal, round.pairs.pairs.length, evaluations);
  const collated = collateRound(round.trials, round.pairs, outcomes);
  if (collated.counted.length === 0) {
    throw new DomainError('FAILED_PRECONDITION', `step ${step}: no pair could be evaluated: ${collated.leftOut[0]?.failure ?? 'no trials'}`, {
      reason: 'NOTHING_EVALUATED',
    });
  }
  for (const { trial, failure } of collated.leftOut.slice(0, 3)) run.logger.warn({ step, trial: trial.index, failure }, 'a trial is left out');
  const learned = await run.learner.learn(collated.counted);
  await commitStep(run, step, { collated, learned, trained, outcomes, evaluations: trained.evaluations + evaluations.length });
}

function failedAmong(outcomes: readonly PairOutcome[]): number {
  return outcomes.filter((outcome) => 'failure' in outcome).length;
}

interface StepResult {
  readonly collated: CollatedRound;
  readonly learned: Learned;
  readonly trained: TrainedWeights;
  readonly outcomes: readonly PairOutcome[];
  readonly evaluations: number;
}

/** Means over the pairs of a step that were evaluated, on shared weights. */
function accuraciesOf({ spec }: Run, outcomes: readonly PairOutcome[]): { readonly source: number | null; readonly result: number | null } {
  if (evaluatorOf(spec) !== 'shared-weights') return { source: null, result: null };
  const known = outcomes.flatMap((outcome) => ('failure' in outcome ? [] : [outcome]));
  const mean = (of: 'sourceValue' | 'resultValue'): number => known.reduce((sum, outcome) => sum + outcome[of], 0) / known.length;
  return { source: mean('sourceValue'), result: mean('resultValue') };
}

/** One transaction: the step number moves past the round's outcomes, so they count once, together with the state they led to. */
async function commitStep(run: Run, step: number, { collated, learned, trained, outcomes, evaluations }: StepResult): Promise<void> {
  const { database, blobs, owned, signal, spec } = run;
  const { weights } = trained;
  const accuracies = accuraciesOf(run, outcomes);
  const { counted } = collated;
  const failed = failedAmong(outcomes);
  const { stats, checkpoint } = learned;
  // Durable before the row that names it.
  const learnerState = await blobs.put(wrapLearnerState({ search: run.name, epoch: owned.epoch, step }, checkpoint));
  await failpoint('policy.learned');
  signal.throwIfAborted();
  await database.transaction(async (tx) => {
    await requireOwnership(tx, owned, run.step);
    await tx
      .updateTable('policy.search')
      .set({
        step,
        pairs: sql<number>`pairs + ${outcomes.length - failed}`,
        failed_pairs: sql<number>`failed_pairs + ${failed}`,
        rewards: sql<number>`rewards + ${counted.length}`,
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
        pairs: outcomes.length - failed,
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
        evaluations,
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

/** Registers the policy and ends the search, in one transaction. */
async function finish(run: Run, { report: heldOut, outcomes }: PolicyComparison): Promise<void> {
  const { database, blobs, owned, checkpoint, spec } = run;
  const { row } = owned;
  const policySha256 = await blobs.put(checkpoint);
  if (policySha256 !== sha256(checkpoint))
    throw new DomainError('DATA_LOSS', 'the blob store named the policy otherwise than by its SHA-256', { reason: 'BLOB_KEY' });
  await database.transaction(async (tx: Tx) => {
    await requireOwnership(tx, owned, run.step);
    await addVersion(tx, {
      namespace: row.namespace,
      policyId: row.search_id,
      encoder: spec.encoder === 'pair' ? 'pair' : 'edge',
      scheme: schemeOf(spec),
      displayName: row.search_id,
      description: describe(spec, run.step),
      search: run.name,
      step: run.step,
      sha256: policySha256,
      sizeBytes: checkpoint.length,
    });
    const failed = failedAmong(outcomes);
    await tx
      .updateTable('policy.search')
      .set({ pairs: sql<number>`pairs + ${outcomes.length - failed}`, failed_pairs: sql<number>`failed_pairs + ${failed}` })
      .where('ordinal', '=', row.ordinal)
      .execute();
    await changeState(tx, row.ordinal, { state: 'SUCCEEDED', policySha256, ...(heldOut === undefined ? {} : { heldOut: wire.HeldOutReport.toJSON(heldOut) }) });
  });
  database.signal(SEARCH_CHANNEL);
}

/** Where a policy comes from, in words. */
function describe({ space, evaluator, reward, dataset, batch, seed, preset, baseline }: wire.SearchSpec, step: number): string {
  const rewards = evaluator === 'tabular' ? `the table's ${reward}` : `${evaluator} accuracy on ${dataset}`;
  return `learned in ${step} steps of ${batch} pairs from ${space}, rewarded by ${rewards}; preset ${preset}, ${baseline}, seed ${seed}`;
}
