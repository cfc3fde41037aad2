/** One search, step after step, by the process that owns it. Everything it may lose is in memory; everything that counts is committed first. */
import { search as wire } from '@nat/contracts';
import { DomainError } from '@nat/errors';
import { sha256 } from '@nat/nn';
import { collateRound, freshStart, pairsOfRound, type CollatedRound, type DrawnTrial, type RoundPairs } from '@nat/search';
import type { Logger, PlatformClients } from '@nat/service';
import type { BlobStore, Database } from '@nat/storage';
import { sql } from 'kysely';
import { addVersion } from '../../policies/policy-store.ts';
import type { Bell } from '../bell.ts';
import { evaluationSpec, planEvaluations, type RoundKey } from '../evaluation-requests.ts';
import { unwrapLearnerState, wrapLearnerState } from '../learner-state.ts';
import type { LearnerProcess, StartLearner } from '../learner/learner-process.ts';
import type { Learned } from '../learner/protocol.ts';
import { searchNames } from '../names.ts';
import { findRound, insertRound, readOutcomes, readTrials, type StoredEvaluation } from '../round-store.ts';
import { evaluatorOf, schemeOf, sessionSpecOf } from '../search-spec.ts';
import { changeState, SEARCH_CHANNEL, type SearchRow, type Tx } from '../search-store.ts';
import type { SearchTables } from '../tables.ts';
import type { RunnerConfig } from './config.ts';
import { evaluateRound } from './evaluate-round.ts';

/** A search that this process may write, as it stood when this run began. */
export interface OwnedSearch {
  readonly row: SearchRow;
  readonly epoch: number;
}

export interface RunContext {
  readonly database: Database<SearchTables>;
  readonly blobs: BlobStore;
  readonly evaluations: PlatformClients['evaluations'];
  readonly startLearner: StartLearner;
  /** The checkpoint of a policy version, for searches that start from one. */
  readonly loadPolicy: (namespace: string, reference: string) => Promise<Uint8Array>;
  /** Rings when outcomes came in. */
  readonly outcomes: Bell;
  readonly config: RunnerConfig;
  readonly logger: Logger;
}

/** What the steps of one run share. */
interface Run extends RunContext {
  readonly owned: OwnedSearch;
  readonly spec: wire.SearchSpec;
  /** namespaces/* /searches/* */
  readonly name: string;
  readonly learner: LearnerProcess;
  readonly signal: AbortSignal;
  /** Steps learned. */
  step: number;
  learnerState: string;
  weights: string;
  /** The policy after `step`. */
  checkpoint: Uint8Array;
}

interface Round {
  readonly ordinal: number;
  readonly trials: readonly DrawnTrial[];
  readonly pairs: RoundPairs;
}

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
      step: row.step,
      learnerState: row.learner_state,
      weights: row.weights,
      checkpoint: learner.opened,
    };
    while (run.step < spec.steps) await runStep(run);
    await finish(run);
  } finally {
    signal.removeEventListener('abort', kill);
    await learner.close();
  }
}

/** Where the learner starts: the state after the last step, the policy to start from, or nothing. */
async function openingState({ blobs, loadPolicy }: RunContext, { row }: OwnedSearch, spec: wire.SearchSpec): Promise<Uint8Array | undefined> {
  if (row.learner_state !== '') return unwrapLearnerState(await blobs.get(row.learner_state));
  return spec.initialPolicy === '' ? undefined : freshStart(await loadPolicy(row.namespace, spec.initialPolicy));
}

async function runStep(run: Run): Promise<void> {
  const step = run.step + 1;
  const key: RoundKey = { namespace: run.owned.row.namespace, searchId: run.owned.row.search_id, step };
  const round = (await storedRound(run, step)) ?? (await drawRound(run, key));
  const weights = await evaluate(run, key, round, 'weights', run.weights);
  const trained = weights[0];
  if (trained?.state === 'FAILED')
    throw new DomainError('FAILED_PRECONDITION', `the shared weights could not be trained: ${trained.failure}`, { reason: 'WEIGHTS_FAILED' });
  const weightsAfter = trained?.weights ?? run.weights;
  const evaluations = await evaluate(run, key, round, 'pairs', weightsAfter);
  const outcomes = await readOutcomes(run.database.kysely, round.ordinal, round.pairs.pairs.length, evaluations);
  const collated = collateRound(round.trials, round.pairs, outcomes);
  if (collated.counted.length === 0) {
    throw new DomainError('FAILED_PRECONDITION', `step ${step}: no pair could be evaluated: ${collated.leftOut[0]?.failure ?? 'no trials'}`, {
      reason: 'NOTHING_EVALUATED',
    });
  }
  for (const { trial, failure } of collated.leftOut.slice(0, 3)) run.logger.warn({ step, trial: trial.index, failure }, 'a trial is left out');
  const learned = await run.learner.learn(collated.counted);
  const known = outcomes.flatMap((outcome) => ('failure' in outcome ? [] : [outcome.sourceValue]));
  const sourceAccuracy = evaluatorOf(run.spec) === 'shared-weights' ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  await commitStep(run, step, { collated, learned, weights: weightsAfter, sourceAccuracy });
}

/** The round of a step that an earlier run committed. */
async function storedRound({ database, owned }: Run, step: number): Promise<Round | undefined> {
  const ordinal = await findRound(database.kysely, owned.row.ordinal, step);
  if (ordinal === undefined) return undefined;
  const trials = await readTrials(database.kysely, ordinal);
  return { ordinal, trials, pairs: pairsOfRound(trials) };
}

/** Draws the round of a step and commits it, before anything is evaluated. */
async function drawRound(run: Run, key: RoundKey): Promise<Round> {
  const trials = await run.learner.draw(key.step);
  run.signal.throwIfAborted();
  const pairs = pairsOfRound(trials);
  const evaluations = planEvaluations(run.spec, key, pairs.pairs);
  const ordinal = await run.database.transaction(async (tx) => {
    await requireOwnership(tx, run.owned, run.step);
    return insertRound(tx, { search: run.owned.row.ordinal, step: key.step, trials, pairs, evaluations });
  });
  return { ordinal, trials, pairs };
}

async function evaluate(run: Run, key: RoundKey, round: Round, kind: 'weights' | 'pairs', weights: string): Promise<readonly StoredEvaluation[]> {
  const { config, spec, name: search, signal } = run;
  return evaluateRound(
    { database: run.database, evaluations: run.evaluations, outcomes: run.outcomes, logger: run.logger, sweepMs: config.sweepMs, retryMs: config.retryMs },
    {
      parent: `namespaces/${key.namespace}`,
      round: round.ordinal,
      kind,
      specOf: (planned) => evaluationSpec(planned, { spec, key, search, pairs: round.pairs.pairs, weights }),
      deadlineMs: config.deadlineMs[evaluatorOf(spec)],
      signal,
    },
  );
}

interface StepResult {
  readonly collated: CollatedRound;
  readonly learned: Learned;
  readonly weights: string;
  readonly sourceAccuracy: number | null;
}

/** One transaction: the step number moves past the round's outcomes, so they count once, together with the state they led to. */
async function commitStep(run: Run, step: number, { collated, learned, weights, sourceAccuracy }: StepResult): Promise<void> {
  const { database, blobs, owned, signal } = run;
  const { counted, leftOut } = collated;
  const { stats, checkpoint } = learned;
  // Durable before the row that names it.
  const learnerState = await blobs.put(wrapLearnerState({ search: run.name, epoch: owned.epoch, step }, checkpoint));
  signal.throwIfAborted();
  await database.transaction(async (tx) => {
    await requireOwnership(tx, owned, run.step);
    await tx
      .updateTable('policy.search')
      .set({
        step,
        pairs: sql<number>`pairs + ${counted.length}`,
        failed_pairs: sql<number>`failed_pairs + ${leftOut.length}`,
        learner_state: learnerState,
        weights,
        update_time: sql<Date>`clock_timestamp()`,
        revision: sql<number>`revision + 1`,
      })
      .where('ordinal', '=', owned.row.ordinal)
      .execute();
    await tx
      .insertInto('policy.step')
      .values({
        search: owned.row.ordinal,
        step,
        pairs: counted.length,
        failed_pairs: leftOut.length,
        mean_reward: stats.meanReward,
        mean_greedy_reward: counted.reduce((sum, { greedyReward = 0 }) => sum + greedyReward, 0) / counted.length,
        baseline: stats.baseline,
        entropy: stats.entropy,
        loss: stats.loss,
        gradient_norm: stats.gradientNorm,
        source_accuracy: sourceAccuracy,
      })
      .execute();
  });
  const superseded = run.learnerState;
  Object.assign(run, { step, learnerState, weights, checkpoint });
  database.signal(SEARCH_CHANNEL);
  // Nobody else can name this blob (see learner-state.ts). One that a crash leaves behind is for the collection of unreferenced blobs.
  if (superseded !== '' && superseded !== learnerState) await blobs.delete(superseded);
}

/** Registers the policy and ends the search, in one transaction. */
async function finish(run: Run): Promise<void> {
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
    await changeState(tx, row.ordinal, { state: 'SUCCEEDED', policySha256 });
  });
  database.signal(SEARCH_CHANNEL);
}

/** Where a policy comes from, in words. */
function describe({ space, evaluator, reward, dataset, batch, seed, preset, baseline }: wire.SearchSpec, step: number): string {
  const rewards = evaluator === 'tabular' ? `the table's ${reward}` : `${evaluator} accuracy on ${dataset}`;
  return `learned in ${step} steps of ${batch} pairs from ${space}, rewarded by ${rewards}; preset ${preset}, ${baseline}, seed ${seed}`;
}

/**
 * Locks the search and checks that it is still this owner's, still running, and has learned exactly `step` steps: what every commit begins with.
 * @throws DomainError ABORTED SEARCH_NOT_OWNED
 */
export async function requireOwnership(tx: Tx, { row, epoch }: OwnedSearch, step: number): Promise<void> {
  const found = await tx.selectFrom('policy.search').select(['state', 'step', 'owner_epoch']).where('ordinal', '=', row.ordinal).forUpdate().executeTakeFirst();
  if (found?.state === 'RUNNING' && found.owner_epoch === epoch && found.step === step) return;
  throw new DomainError('ABORTED', `search ${row.search_id} is ${found?.state ?? 'gone'} at step ${found?.step ?? 0}, or another's`, {
    reason: 'SEARCH_NOT_OWNED',
  });
}
