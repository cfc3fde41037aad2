/** Rounds in the database: what was drawn, what was asked of the evaluator, and what came of it. */
import { insertRows } from '@nat/storage';
import { sql } from 'kysely';
import type { CandidateOutcome, RoundCandidates, SampledTrial, TrialCandidates } from '@nat/nat';
import { NO_CANDIDATE, type PlannedEvaluation } from '../evaluation/evaluation-requests.ts';
import type { OpenRound } from './open-rounds.ts';
import type { EvaluationStateName, Reader, Tx } from './tables.ts';

export interface StoredEvaluation extends PlannedEvaluation {
  readonly state: EvaluationStateName;
  readonly failure: string;
  readonly weights: string;
  readonly metrics: Readonly<Record<string, number>>;
  /** Milliseconds since it was planned, by the database's clock. */
  readonly ageMs: number;
}

/** Stores a round of a search: its trials and the evaluations they need. Returns its ordinal. */
export async function insertRound(
  tx: Tx,
  round: {
    readonly search: number;
    readonly number: number;
    readonly policyStep: number;
    readonly comparison: boolean;
    readonly trials: readonly SampledTrial[];
    readonly candidates: RoundCandidates;
    readonly evaluations: readonly PlannedEvaluation[];
  },
): Promise<number> {
  const { ordinal } = await tx
    .insertInto('policy.round')
    .values({ search: round.search, number: round.number, policy_step: round.policyStep, comparison: round.comparison })
    .returning('ordinal')
    .executeTakeFirstOrThrow();
  await insertRows(tx, {
    table: 'policy.trial',
    columns: {
      round: 'int8',
      index: 'int4',
      source: 'text',
      actions: 'bytea',
      result: 'text',
      greedy_result: 'text',
      source_candidate: 'int4',
      result_candidate: 'int4',
      greedy_candidate: 'int4',
      log_prob: 'float8',
    },
    rows: round.trials.map(({ index, source, actions, result, greedyResult, logProb }, i) => ({
      round: ordinal,
      index,
      source,
      actions: Uint8Array.from(actions),
      result,
      greedy_result: greedyResult ?? null,
      source_candidate: round.candidates.trials[i]!.source,
      result_candidate: round.candidates.trials[i]!.result,
      greedy_candidate: round.candidates.trials[i]!.greedyResult ?? null,
      log_prob: logProb,
    })),
  });
  await insertEvaluations(tx, ordinal, round.evaluations);
  return ordinal;
}

/** Notes evaluations before they are asked for, so that whatever comes of them is known to belong here. */
export async function insertEvaluations(tx: Tx, round: number, evaluations: readonly PlannedEvaluation[]): Promise<void> {
  await insertRows(tx, {
    table: 'policy.evaluation',
    columns: { name: 'text', round: 'int8', position: 'int4', kind: 'text', first_candidate: 'int4', candidates: 'int4' },
    rows: evaluations.map(({ name, position, kind, firstCandidate, candidates }) => ({
      name,
      round,
      position,
      kind,
      first_candidate: firstCandidate,
      candidates,
    })),
  });
}

/** The round of a search that compares policies and that nothing is learned from. */
export async function findComparison(reader: Reader, search: number): Promise<OpenRound | undefined> {
  const row = await reader
    .selectFrom('policy.round')
    .select(['ordinal', 'number', 'policy_step'])
    .where('search', '=', search)
    .where('comparison', '=', true)
    .executeTakeFirst();
  return row === undefined ? undefined : { ordinal: row.ordinal, number: row.number!, policyStep: row.policy_step! };
}

export interface StoredTrials {
  /** As they were drawn, in order. */
  readonly trials: readonly SampledTrial[];
  /** As they were numbered when the round was committed. */
  readonly candidates: RoundCandidates;
}

export async function readTrials(reader: Reader, round: number): Promise<StoredTrials> {
  const rows = await reader.selectFrom('policy.trial').selectAll().where('round', '=', round).orderBy('index').execute();
  const trials: SampledTrial[] = [];
  const positions: TrialCandidates[] = [];
  const texts: string[] = [];
  for (const { index, source, actions, result, greedy_result: greedyResult, log_prob: logProb, ...stored } of rows) {
    trials.push({ index, source, actions: [...actions], result, logProb, ...(greedyResult === null ? {} : { greedyResult }) });
    const { source_candidate: ofSource, result_candidate: ofResult, greedy_candidate: ofGreedy } = stored;
    positions.push({ source: ofSource, result: ofResult, ...(ofGreedy === null ? {} : { greedyResult: ofGreedy }) });
    texts[ofSource] = source;
    texts[ofResult] = result;
    if (ofGreedy !== null && greedyResult !== null) texts[ofGreedy] = greedyResult;
  }
  return { trials, candidates: { texts: Array.from(texts, (text: string | undefined) => text ?? NO_CANDIDATE), trials: positions } };
}

export async function readEvaluations(reader: Reader, round: number): Promise<readonly StoredEvaluation[]> {
  const rows = await reader
    .selectFrom('policy.evaluation')
    .selectAll()
    .select(sql<number>`extract(epoch from clock_timestamp() - create_time)::float8 * 1000`.as('age_ms'))
    .where('round', '=', round)
    .orderBy('position')
    .execute();
  return rows.map(({ name, position, kind, first_candidate: firstCandidate, candidates, state, failure, weights, metrics, age_ms: ageMs }) => ({
    name,
    position,
    kind,
    firstCandidate,
    candidates,
    state,
    failure,
    weights,
    metrics,
    ageMs,
  }));
}

/** What came of every candidate of a round whose evaluations have all ended. @param candidates how many there are */
export async function readOutcomes(
  reader: Reader,
  round: number,
  candidates: number,
  evaluations: readonly StoredEvaluation[],
): Promise<readonly CandidateOutcome[]> {
  const outcomes: CandidateOutcome[] = Array.from({ length: candidates }, () => ({ failure: 'MISSING: the evaluator gave no value' }));
  for (const { state, failure, firstCandidate, candidates: count } of evaluations) {
    if (state === 'FAILED') outcomes.fill({ failure }, firstCandidate, firstCandidate + count);
  }
  const rows = await reader.selectFrom('policy.outcome').selectAll().where('round', '=', round).execute();
  for (const { candidate, value, failure } of rows) {
    if (value !== null) outcomes[candidate] = { value };
    else if (failure !== null) outcomes[candidate] = { failure };
  }
  return outcomes;
}
