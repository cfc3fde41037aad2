/**
 * Outcomes on their way in: from the stream, or read back by a sweep. The first outcome of an evaluation is kept; whatever comes
 * again, or after the evaluation was given up, changes nothing.
 */
import { evaluation as wire } from '@nat/contracts';
import { failpoint } from '@nat/base/failpoints';
import { insertRows, isDataError, OUTCOME_TOPIC, TerminalMessageError, type Database, type Stream, type Subscription } from '@nat/storage';
import { sql } from 'kysely';
import type { EvaluationStateName, SearchTables } from '../store/tables.ts';

/** Signalled when outcomes came in. */
export const OUTCOME_CHANNEL = 'policy/outcomes';

/** How an evaluation ended, whoever tells. */
export interface EndedEvaluation {
  readonly name: string;
  readonly state: wire.EvaluationState;
  readonly outcome: wire.Outcome | undefined;
}

interface Verdict {
  readonly name: string;
  readonly state: Exclude<EvaluationStateName, 'PENDING'>;
  readonly failure: string;
  readonly weights: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly values: readonly wire.PairValue[];
}

/** Longest text kept of why something failed. */
const MAX_FAILURE = 1_000;

/** As PostgreSQL can store it: it knows no NUL. */
function textOf(text: string): string {
  return text.replaceAll('\0', '').slice(0, MAX_FAILURE);
}

function verdictOf({ name, state, outcome }: EndedEvaluation): Verdict | undefined {
  const failed = (failure: string): Verdict => ({ name, state: 'FAILED', failure: textOf(failure), weights: '', metrics: {}, values: [] });
  const result = outcome?.result;
  switch (state) {
    case 'EVALUATION_STATE_SUCCEEDED':
      if (result?.$case !== 'succeeded') return failed('NO_OUTCOME: the evaluation succeeded without an outcome');
      return { name, state: 'SUCCEEDED', failure: '', weights: result.value.weights, metrics: result.value.metrics, values: result.value.values };
    case 'EVALUATION_STATE_FAILED':
    case 'EVALUATION_STATE_POISONED':
      return failed(result?.$case === 'failed' ? `${result.value.reason}: ${result.value.message}` : state);
    case 'EVALUATION_STATE_CANCELLED':
      return failed(`CANCELLED: ${result?.$case === 'cancelled' ? result.value.reason : 'by somebody else'}`);
    case 'EVALUATION_STATE_QUEUED':
    case 'EVALUATION_STATE_LEASED':
    case 'EVALUATION_STATE_UNSPECIFIED':
    case 'UNRECOGNIZED':
      return undefined;
  }
}

/**
 * Takes outcomes in, each evaluation once, in one transaction. Evaluations that this service did not ask for are none of its business.
 * Returns how many were new.
 */
export async function receiveOutcomes(database: Database<SearchTables>, ended: readonly EndedEvaluation[]): Promise<number> {
  const verdicts = new Map<string, Verdict>();
  for (const one of ended) {
    const verdict = verdictOf(one);
    // Sorted by name below, so that transactions with common evaluations wait for each other instead of deadlocking.
    if (verdict !== undefined && !verdicts.has(verdict.name)) verdicts.set(verdict.name, verdict);
  }
  if (verdicts.size === 0) return 0;
  const ordered = [...verdicts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const received = await database.transaction(async (tx) => {
    const pending = await tx
      .selectFrom('policy.evaluation')
      .select(['name', 'round', 'first_pair', 'pairs'])
      .where(
        'name',
        'in',
        ordered.map(({ name }) => name),
      ) // prettier-ignore
      .where('state', '=', 'PENDING')
      .orderBy('name')
      .forUpdate()
      .execute();
    if (pending.length === 0) return 0;
    const news = pending.map((row) => ({ row, verdict: verdicts.get(row.name)! }));
    await sql`
      UPDATE policy.evaluation e SET state = n.state, failure = n.failure, weights = n.weights, metrics = n.metrics::jsonb
      FROM unnest(${news.map(({ row }) => row.name)}::text[], ${news.map(({ verdict }) => verdict.state)}::text[],
        ${news.map(({ verdict }) => verdict.failure)}::text[], ${news.map(({ verdict }) => verdict.weights)}::text[],
        ${news.map(({ verdict }) => JSON.stringify(verdict.metrics))}::text[]) AS n(name, state, failure, weights, metrics)
      WHERE e.name = n.name`.execute(tx);
    await insertRows(tx, {
      table: 'policy.outcome',
      columns: { round: 'int8', pair: 'int4', source_value: 'float8', result_value: 'float8', failure: 'text' },
      // The primary key is the pair: a second value for one changes nothing.
      onConflict: 'ignore',
      rows: news.flatMap(({ row, verdict }) =>
        verdict.values.flatMap(({ pairId, sourceValue, resultValue, errorMessage }) => {
          const pair = pairNumber(pairId, row.first_pair, row.pairs);
          if (pair === undefined) return [];
          const failure = errorMessage === '' ? null : textOf(errorMessage);
          return [{ round: row.round, pair, source_value: sourceValue, result_value: resultValue, failure }];
        }),
      ),
    });
    return pending.length;
  });
  if (received > 0) database.signal(OUTCOME_CHANNEL);
  return received;
}

/** Number of a pair of this evaluation, from the last part of its id. */
function pairNumber(id: string, first: number, count: number): number | undefined {
  const pair = Number(id.slice(id.lastIndexOf('/') + 1));
  return Number.isInteger(pair) && pair >= first && pair < first + count ? pair : undefined;
}

/** @throws Error for what is no event of an evaluation that ended */
function parseOutcome(payload: Uint8Array): EndedEvaluation {
  const { evaluation: name, state, outcome } = wire.OutcomeEvent.decode(payload);
  if (name === '') throw new Error('the event names no evaluation');
  const ended = { name, state, outcome };
  if (verdictOf(ended) === undefined) throw new Error(`${name} is ${state}, which is no end`);
  return ended;
}

/** Reads the outcome stream into the inbox; a batch is acknowledged once its transaction is committed. */
export async function subscribeOutcomes(database: Database<SearchTables>, stream: Stream): Promise<Subscription> {
  return stream.subscribe({ topic: OUTCOME_TOPIC.name, group: OUTCOME_TOPIC.groups[0], parse: parseOutcome, maxBatch: 64 }, async (batch) => {
    try {
      await receiveOutcomes(
        database,
        batch.map(({ value }) => value),
      );
    } catch (error) {
      // What the database cannot store now it cannot store tomorrow; a sweep asks for the evaluation and gives it up when it is overdue.
      throw isDataError(error) ? new TerminalMessageError(`the outcome cannot be stored: ${(error as Error).message}`, { cause: error }) : error;
    }
    await failpoint('policy.inbox');
  });
}

/** Gives up on evaluations: their pairs count as failed for the reason given, whatever may still come of them. */
export async function giveUp(database: Database<SearchTables>, names: readonly string[], reason: string): Promise<void> {
  await receiveOutcomes(
    database,
    names.map((name) => ({
      name,
      state: wire.EvaluationState.EVALUATION_STATE_FAILED,
      outcome: { result: { $case: 'failed', value: { reason, message: 'given up', terminal: true } } },
    })),
  );
}
