/** What the owner of an operation does: draws candidates, has them evaluated on held-out validation data, and takes the best. */
import { setTimeout as pause } from 'node:timers/promises';
import { formatArchitecture } from '@nat/cells';
import { evaluation as evaluationWire, search as wire } from '@nat/contracts';
import { DomainError, isDomainError, toDomainError } from '@nat/base/errors';
import { DEFAULT_COLUMN, DEFAULT_DATASET, derivedSeed, epochOf, sessionSpecOf, type CandidateOutcome } from '@nat/nat';
import type { Logger, PlatformClients } from '@nat/service';
import type { Database } from '@nat/storage';
import { withSpan } from '@nat/base/tracing';
import { boundsFromWire, placementFromWire, resolveArchitecture, sharesFromWire, transformedSourceToWire, transformToWire } from '@nat/convert';
import type { PolicyLibrary } from '../../policies/policy-library.ts';
import { drawEdgeByEdge, transformArchitecture, type Transformed } from '../../transforms/transform.ts';
import type { Notifier } from '@nat/base/notify';
import { CHILD_RECIPE, MAX_ATTEMPTS, refOf, supernetOf, type PlannedEvaluation } from '../evaluation/evaluation-requests.ts';
import { evaluationNames } from '../names.ts';
import { insertEvaluations, readOutcomes, type StoredEvaluation } from '../store/round-store.ts';
import type { RunnerConfig } from '../loop/config.ts';
import { evaluateRound } from '../evaluation/evaluate-round.ts';
import type { Ownership } from '../ownership/ownership.ts';
import type { SearchTables, Tx } from '../store/tables.ts';
import { endOperation, OPERATION_CHANNEL, type OperationRow } from './operation-store.ts';
import { findSearched, type Searched } from './searched-weights.ts';

export interface DeriveContext {
  readonly database: Database<SearchTables>;
  readonly library: PolicyLibrary;
  readonly evaluations: PlatformClients['evaluations'];
  readonly outcomes: Notifier;
  readonly config: RunnerConfig;
  readonly logger: Logger;
}

type Evaluator = NonNullable<wire.DeriveArchitectureRequest['evaluator']>;

/** Transforms sampled where a request names no number. */
export const DEFAULT_SAMPLES = 10;

const KINDS = { tabular: 'tabular', sharedWeights: 'shared-weights', fromScratch: 'from-scratch' } as const;

/** Does an owned operation until it has ended or is another's. */
export async function workOnOperation(context: DeriveContext, ownership: Ownership, signal: AbortSignal): Promise<void> {
  const { database, config, logger } = context;
  const row = await database.kysely.selectFrom('policy.operation').selectAll().where('ordinal', '=', ownership.ordinal).executeTakeFirstOrThrow();
  for (let tries = 1; ; tries += 1) {
    try {
      await withSpan('operation.derive', { parent: row.traceparent ?? '', attributes: { 'nat.operation': row.operation_id } }, () =>
        derive(context, row, ownership.epoch, signal),
      );
      return;
    } catch (error) {
      if (signal.aborted || (isDomainError(error) && error.reason === 'OPERATION_NOT_OWNED')) return;
      const failure = isDomainError(error) ? error : toDomainError(error);
      const { kind } = failure;
      const passing = kind === 'UNAVAILABLE' || kind === 'ABORTED' || kind === 'DEADLINE_EXCEEDED';
      if (!passing || tries >= config.maxTries) {
        logger.error({ err: error, operation: row.operation_id }, 'operation failed');
        await database.transaction(async (tx) => {
          await requireOperation(tx, row, ownership.epoch);
          await endOperation(tx, row.ordinal, { error: failure });
        });
        database.signal(OPERATION_CHANNEL);
        return;
      }
      await pause(config.retryMs * 2 ** (tries - 1), undefined, { signal, ref: false });
    }
  }
}

async function derive(context: DeriveContext, row: OperationRow, epoch: number, signal: AbortSignal): Promise<void> {
  const { database, library, config, logger, evaluations, outcomes: received } = context;
  const request = wire.DeriveArchitectureRequest.decode(row.request);
  const evaluator = request.evaluator!;
  const searched = evaluator.$case === 'sharedWeights' ? await findSearched(database.kysely, evaluator.value.search) : undefined;
  const transformed = await drawCandidates(library, row, request, searched);
  const candidates = transformed.draws.map(({ result }) => formatArchitecture(result).text);
  // Candidate 0 is the source, candidate i the transform i - 1: each is evaluated once, whatever it is compared with.
  const texts = [formatArchitecture(transformed.source.architecture).text, ...candidates];
  const planned = planDerive(row, evaluator, texts.length);
  const round = await commitCandidates(context, row, epoch, planned, candidates.length);
  const evaluate = (which: (one: PlannedEvaluation) => boolean, specOf: (one: PlannedEvaluation) => evaluationWire.EvaluationSpec) =>
    evaluateRound(
      { database, evaluations, outcomes: received, logger, sweepMs: config.sweepMs, retryMs: config.retryMs },
      { parent: request.parent, round, which, specOf, deadlineMs: config.deadlineMs[KINDS[evaluator.$case]], signal },
    );
  // By its number among the evaluations: that of its first candidate is another in rounds of an earlier version.
  const isTest = ({ position }: PlannedEvaluation): boolean => position === texts.length;
  const ended = await evaluate((one) => !isTest(one), (one) => deriveSpec(one, row, request, texts, searched)); // prettier-ignore
  const outcomes = (await readOutcomes(database.kysely, round, texts.length, ended)).slice(0, texts.length);
  const { response, chosen } = selectBest(row, transformed, outcomes);
  if (searched !== undefined) {
    // Nothing is chosen by what follows.
    const tested = await evaluate(isTest, (one) => testSpec(one, row, searched, texts, chosen));
    Object.assign(response, await testValues(context, round, tested));
  }
  await database.transaction(async (tx) => {
    await requireOperation(tx, row, epoch);
    await endOperation(tx, row.ordinal, { response });
  });
  database.signal(OPERATION_CHANNEL);
}

/** A pure function of the request and the policy version: whoever draws again gets the same candidates. */
async function drawCandidates(
  library: PolicyLibrary,
  row: OperationRow,
  request: wire.DeriveArchitectureRequest,
  searched: Searched | undefined,
): Promise<Transformed> {
  const architecture = await resolveArchitecture(request.source, 'source');
  const ready = await library.resolve(row.namespace, row.policy_version, undefined);
  const draw = row.draws === 'edge-by-edge' ? drawEdgeByEdge : transformArchitecture;
  return draw(ready, architecture, {
    scheme: undefined,
    mode: undefined,
    placement: searched === undefined ? placementFromWire(request.placement) : sessionSpecOf(searched.spec).placement,
    budget: boundsFromWire(request.bounds, 'bounds'),
    relativeBudget: sharesFromWire(request.bounds),
    samples: request.samples ?? DEFAULT_SAMPLES,
    greedy: false,
    seed: request.seed ?? 0,
  });
}

function planDerive(row: OperationRow, { $case: kind }: Evaluator, candidates: number): readonly PlannedEvaluation[] {
  const planned = (position: number, firstCandidate: number, count: number): PlannedEvaluation => {
    const name = evaluationNames.format({ namespace: row.namespace, evaluation: `operation.${row.operation_id}.${position}` });
    return { name, position, kind: 'candidates', firstCandidate, candidates: count };
  };
  if (kind === 'tabular') return [planned(0, 0, candidates)];
  const each = Array.from({ length: candidates }, (_, i) => planned(i, i, 1));
  // On shared weights the last one is source and result on the test images.
  return kind === 'sharedWeights' ? [...each, planned(candidates, candidates, 2)] : each;
}

async function commitCandidates(
  { database }: DeriveContext,
  row: OperationRow,
  epoch: number,
  planned: readonly PlannedEvaluation[],
  candidates: number,
): Promise<number> {
  return database.transaction(async (tx) => {
    await requireOperation(tx, row, epoch);
    const known = await tx.selectFrom('policy.round').select('ordinal').where('operation', '=', row.ordinal).executeTakeFirst();
    if (known !== undefined) return known.ordinal;
    const { ordinal } = await tx.insertInto('policy.round').values({ operation: row.ordinal }).returning('ordinal').executeTakeFirstOrThrow();
    await insertEvaluations(tx, ordinal, planned);
    await tx.updateTable('policy.operation').set({ candidates }).where('ordinal', '=', row.ordinal).execute();
    return ordinal;
  });
}

function deriveSpec(
  { firstCandidate, candidates: count }: PlannedEvaluation,
  row: OperationRow,
  request: wire.DeriveArchitectureRequest,
  texts: readonly string[],
  searched: Searched | undefined,
): evaluationWire.EvaluationSpec {
  const candidates = texts.slice(firstCandidate, firstCandidate + count).map((text, i) => candidateOf(row, firstCandidate + i, text));
  const evaluator = request.evaluator!;
  switch (evaluator.$case) {
    case 'tabular': {
      const value = { table: evaluationWire.BenchmarkTable.BENCHMARK_TABLE_NASBENCH201, column: evaluator.value.column ?? DEFAULT_COLUMN, candidates };
      return evaluationWire.EvaluationSpec.create({ kind: { $case: 'tabular', value } });
    }
    case 'sharedWeights':
      return onSharedWeights(searched!, candidates, { $case: 'selectionImages', value: {} });
    case 'fromScratch': {
      const { dataset = DEFAULT_DATASET, epochs = 1 } = evaluator.value;
      const recipe = evaluationWire.TrainingRecipe.create({ ...CHILD_RECIPE, epochs, seed: derivedSeed(request.seed ?? 0, 'child'), threads: 1 });
      const value = evaluationWire.FromScratchEvaluation.create({ dataset, placement: request.placement, recipe, candidates });
      return evaluationWire.EvaluationSpec.create({ kind: { $case: 'fromScratch', value } });
    }
  }
}

/** Source and result on the test images. */
function testSpec(
  { firstCandidate }: PlannedEvaluation,
  row: OperationRow,
  searched: Searched,
  texts: readonly string[],
  chosen: number,
): evaluationWire.EvaluationSpec {
  const candidates = [texts[0]!, texts[chosen + 1]!].map((text, i) => candidateOf(row, firstCandidate + i, text));
  return onSharedWeights(searched, candidates, { $case: 'testImages', value: {} });
}

/** On all images of a kind. */
function onSharedWeights(
  { spec, reward, weights }: Searched,
  candidates: evaluationWire.Candidate[],
  images: evaluationWire.SharedWeightsEvaluation['images'],
): evaluationWire.EvaluationSpec {
  const supernet = supernetOf(spec, reward, epochOf(reward, spec.learner.steps));
  const value = evaluationWire.SharedWeightsEvaluation.create({ supernet, weights: weights || undefined, candidates, images });
  return evaluationWire.EvaluationSpec.create({ kind: { $case: 'sharedWeights', value }, maxAttempts: MAX_ATTEMPTS });
}

function candidateOf({ namespace, operation_id: id }: OperationRow, number: number, text: string): evaluationWire.Candidate {
  return { id: `${namespace}/operations/${id}/${number}`, architecture: refOf(text) };
}

/** @throws DomainError FAILED_PRECONDITION NOTHING_EVALUATED */
async function testValues(
  { database }: DeriveContext,
  round: number,
  tested: readonly StoredEvaluation[],
): Promise<Pick<wire.DeriveResult, 'sourceTestValue' | 'resultTestValue'>> {
  const { firstCandidate } = tested[0]!;
  const [source, result] = (await readOutcomes(database.kysely, round, firstCandidate + 2, tested)).slice(firstCandidate);
  const valueOf = (outcome: CandidateOutcome | undefined): number => {
    if (outcome !== undefined && 'value' in outcome) return outcome.value;
    const why = outcome?.failure ?? 'no outcome';
    throw new DomainError('FAILED_PRECONDITION', `the result could not be tested: ${why}`, { reason: 'NOTHING_EVALUATED' });
  };
  return { sourceTestValue: valueOf(source), resultTestValue: valueOf(result) };
}

/**
 * The candidate with the highest value, of equals the most probable. Every candidate costs no more than the source: the masks saw to that.
 * @throws DomainError FAILED_PRECONDITION NOTHING_EVALUATED
 */
function selectBest(
  row: OperationRow,
  { source, draws, policySpace, learnedHere }: Transformed,
  outcomes: readonly CandidateOutcome[],
): { readonly response: wire.DeriveResult; readonly chosen: number } {
  const [ofSource, ...ofCandidates] = outcomes;
  if (ofSource === undefined || 'failure' in ofSource) {
    throw new DomainError('FAILED_PRECONDITION', `the source could not be evaluated: ${ofSource?.failure ?? 'no outcome'}`, { reason: 'NOTHING_EVALUATED' });
  }
  let best: { readonly index: number; readonly value: number } | undefined;
  for (const [index, outcome] of ofCandidates.entries()) {
    if ('failure' in outcome) continue;
    if (best === undefined || outcome.value > best.value) best = { index, value: outcome.value };
  }
  const draw = best === undefined ? undefined : draws[best.index];
  if (best === undefined || draw === undefined) {
    throw new DomainError('FAILED_PRECONDITION', 'no candidate could be evaluated', { reason: 'NOTHING_EVALUATED' });
  }
  const response = wire.DeriveResult.create({
    source: transformedSourceToWire(source.architecture, source.cost, 'full'),
    result: transformToWire(draw, 'full'),
    sourceValue: ofSource.value,
    resultValue: best.value,
    policyVersion: row.policy_version,
    policySpace,
    learnedHere,
  });
  return { response, chosen: best.index };
}

/** @throws DomainError ABORTED OPERATION_NOT_OWNED */
async function requireOperation(tx: Tx, { ordinal, operation_id: id }: OperationRow, epoch: number): Promise<void> {
  const found = await tx.selectFrom('policy.operation').select(['done', 'owner_epoch']).where('ordinal', '=', ordinal).forUpdate().executeTakeFirst();
  if (found?.done === false && found.owner_epoch === epoch) return;
  throw new DomainError('ABORTED', `operation ${id} has ended or is another's`, { reason: 'OPERATION_NOT_OWNED' });
}
