/** What the parts of a running search share: what it may write, its rounds, and how their evaluations get done. */
import type { evaluation as evaluationWire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { failpoint } from '@nat/base/failpoints';
import type { EffectiveSearchSpec, Round } from '@nat/nat';
import type { Logger, PlatformClients } from '@nat/service';
import type { BlobStore, Database } from '@nat/storage';
import type { SpanSettings } from '@nat/base/tracing';
import type { Notifier } from '@nat/base/notify';
import { evaluateRound, type EvaluateContext } from '../evaluation/evaluate-round.ts';
import { evaluationSpec, planEvaluations, type PlannedEvaluation, type RoundKey } from '../evaluation/evaluation-requests.ts';
import type { LearnerProcess, StartLearner } from '../learner/learner-process.ts';
import type { OpenRound } from '../store/open-rounds.ts';
import { insertRound, readTrials, type StoredEvaluation } from '../store/round-store.ts';
import type { SearchRow, SearchTables, Tx } from '../store/tables.ts';
import type { RunnerConfig } from './config.ts';

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
  /** Notified when outcomes came in. */
  readonly outcomes: Notifier;
  readonly config: RunnerConfig;
  readonly logger: Logger;
}

/** What the steps of one run share. */
export interface Run extends RunContext {
  readonly owned: OwnedSearch;
  readonly spec: EffectiveSearchSpec;
  /** namespaces/* /searches/* */
  readonly name: string;
  readonly learner: LearnerProcess;
  readonly signal: AbortSignal;
  /** The checkpoint that the search began with; undefined: a fresh policy. */
  readonly start: () => Promise<Uint8Array | undefined>;
  /** Steps learned. */
  step: number;
  learnerState: string;
  weights: string;
  /** The policy after `step`. */
  checkpoint: Uint8Array;
}

/** A round that is committed. */
export interface CommittedRound extends Round {
  readonly key: RoundKey;
  readonly ordinal: number;
}

/** A round as it was committed. */
export async function readRound({ database, owned }: Pick<Run, 'database' | 'owned'>, { ordinal, number, policyStep }: OpenRound): Promise<CommittedRound> {
  return { key: keyOf(owned, number), ordinal, number, policyStep, ...(await readTrials(database.kysely, ordinal)) };
}

function keyOf({ row }: OwnedSearch, number: number): RoundKey {
  return { namespace: row.namespace, searchId: row.search_id, number };
}

/** A span of a round, in the trace of the call that asked for the search, whichever process runs it. @param number of the round */
export function roundSpan({ name, owned }: Pick<Run, 'name' | 'owned'>, number: number): SpanSettings {
  return { parent: owned.row.traceparent ?? '', attributes: { 'nat.search': name, 'nat.round': number } };
}

/** The span of a step that learns. @param parent the `traceparent` of its round */
export function learnSpan({ name, step }: Pick<Run, 'name' | 'step'>, parent: string | undefined): SpanSettings {
  return { parent, attributes: { 'nat.search': name, 'nat.step': step + 1 } };
}

/** Commits what was sampled. @param comparison whether nothing is learned from it */
export async function commitRound(run: Run, sampled: Round, comparison = false): Promise<CommittedRound> {
  const { database, owned, signal, spec } = run;
  const { number, policyStep, trials, candidates } = sampled;
  const key = keyOf(owned, number);
  signal.throwIfAborted();
  const evaluations = planEvaluations(spec, key, candidates.texts);
  const ordinal = await database.transaction(async (tx) => {
    await requireOwnership(tx, owned, run.step);
    return insertRound(tx, { search: owned.row.ordinal, number, policyStep, comparison, trials, candidates, evaluations });
  });
  await failpoint('policy.drawn');
  return { ...sampled, key, ordinal };
}

/** Gets some evaluations of a round done. @param weights as `EvaluationContext.weights` */
export async function evaluate(
  run: Run,
  { key, ordinal, candidates }: CommittedRound,
  which: (evaluation: PlannedEvaluation) => boolean,
  weights: readonly string[],
  signal: AbortSignal,
): Promise<readonly StoredEvaluation[]> {
  const { config, spec, name: search } = run;
  return evaluateRound(evaluateContext(run), {
    parent: `namespaces/${key.namespace}`,
    round: ordinal,
    which,
    specOf: (planned): evaluationWire.EvaluationSpec => evaluationSpec(planned, { spec, key, search, candidates: candidates.texts, weights }),
    deadlineMs: config.deadlineMs[spec.reward.kind],
    signal,
  });
}

/** What calling the evaluator takes. */
export function evaluateContext({ database, evaluations, outcomes, logger, config }: Run): EvaluateContext {
  return { database, evaluations, outcomes, logger, sweepMs: config.sweepMs, retryMs: config.retryMs };
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
