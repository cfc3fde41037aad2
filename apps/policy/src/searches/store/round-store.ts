/** Rounds in the database: what was drawn, what was asked of the evaluator, and what came of it. */
import { insertRows } from '@nat/storage';
import { sql } from 'kysely';
import type { SampledTrial, PairOutcome, RoundPairs } from '@nat/nat';
import type { PlannedEvaluation } from '../evaluation/evaluation-requests.ts';
import type { OpenRound } from './open-rounds.ts';
import type { Reader, Tx } from './search-store.ts';
import type { EvaluationStateName } from './tables.ts';

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
    readonly pairs: RoundPairs;
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
      greedy_pair: 'int4',
      log_prob: 'float8',
    },
    rows: round.trials.map(({ index, source, actions, result, greedyResult, logProb }, i) => ({
      round: ordinal,
      index,
      source,
      actions: Uint8Array.from(actions),
      result,
      greedy_result: greedyResult ?? null,
      greedy_pair: round.pairs.greedyPair[i] ?? null,
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
    columns: { name: 'text', round: 'int8', position: 'int4', kind: 'text', first_pair: 'int4', pairs: 'int4' },
    rows: evaluations.map(({ name, position, kind, firstPair, pairs }) => ({ name, round, position, kind, first_pair: firstPair, pairs })),
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

/** The trials of a round as they were drawn, in order. */
export async function readTrials(reader: Reader, round: number): Promise<readonly SampledTrial[]> {
  const rows = await reader.selectFrom('policy.trial').selectAll().where('round', '=', round).orderBy('index').execute();
  return rows.map(({ index, source, actions, result, greedy_result: greedyResult, log_prob: logProb }) => ({
    index,
    source,
    actions: [...actions],
    result,
    logProb,
    ...(greedyResult === null ? {} : { greedyResult }),
  }));
}

export async function readEvaluations(reader: Reader, round: number): Promise<readonly StoredEvaluation[]> {
  const rows = await reader
    .selectFrom('policy.evaluation')
    .selectAll()
    .select(sql<number>`extract(epoch from clock_timestamp() - create_time)::float8 * 1000`.as('age_ms'))
    .where('round', '=', round)
    .orderBy('position')
    .execute();
  return rows.map(({ name, position, kind, first_pair: firstPair, pairs, state, failure, weights, metrics, age_ms: ageMs }) => ({
    name,
    position,
    kind,
    firstPair,
    pairs,
    state,
    failure,
    weights,
    metrics,
    ageMs,
  }));
}

/** What came of every pair of a round whose evaluations have all ended. */
export async function readOutcomes(reader: Reader, round: number, pairs: number, evaluations: readonly StoredEvaluation[]): Promise<readonly PairOutcome[]> {
  const outcomes: PairOutcome[] = Array.from({ length: pairs }, () => ({ failure: 'MISSING: the evaluator gave no value' }));
  for (const { state, failure, firstPair, pairs: count } of evaluations) {
    if (state === 'FAILED') outcomes.fill({ failure }, firstPair, firstPair + count);
  }
  const rows = await reader.selectFrom('policy.outcome').selectAll().where('round', '=', round).execute();
  for (const { pair, source_value: sourceValue, result_value: resultValue, failure } of rows) {
    outcomes[pair] = failure === null ? { sourceValue, resultValue } : { failure };
  }
  return outcomes;
}
