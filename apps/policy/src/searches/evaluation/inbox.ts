/**
 * Outcomes on their way in: from the stream, or read back by a sweep. The first outcome of an evaluation is kept; whatever comes
 * again, or after the evaluation was given up, changes nothing.
 */
import { evaluation as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { failpoint } from '@nat/base/failpoints';
import { domainErrorToStatus, statusToDomainError } from '@nat/service';
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
  readonly results: readonly wire.CandidateResult[];
}

/** Longest text kept of why something failed. */
const MAX_FAILURE = 1_000;

/** As PostgreSQL can store it: it knows no NUL. */
function textOf(text: string): string {
  return text.replaceAll('\0', '').slice(0, MAX_FAILURE);
}

function verdictOf({ name, state, outcome }: EndedEvaluation): Verdict | undefined {
  const failed = (failure: string): Verdict => ({ name, state: 'FAILED', failure: textOf(failure), weights: '', metrics: {}, results: [] });
  const result = outcome?.result;
  switch (state) {
    case 'EVALUATION_STATE_SUCCEEDED':
      if (result?.$case !== 'succeeded') return failed('NO_OUTCOME: the evaluation succeeded without an outcome');
      return { name, state: 'SUCCEEDED', failure: '', weights: result.value.weights ?? '', metrics: result.value.metrics, results: result.value.results };
    case 'EVALUATION_STATE_FAILED':
    case 'EVALUATION_STATE_POISONED':
      return failed(result?.$case === 'failed' && result.value.error !== undefined ? describe(statusToDomainError(result.value.error)) : state);
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
      .select(['name', 'round', 'first_candidate', 'candidates'])
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
      columns: { round: 'int8', candidate: 'int4', value: 'float8', failure: 'text' },
      // The primary key is the candidate: a second value for one changes nothing.
      onConflict: 'ignore',
      rows: news.flatMap(({ row, verdict }) =>
        verdict.results.flatMap(({ candidateId, result }) => {
          const candidate = candidateNumber(candidateId, row.first_candidate, row.candidates);
          if (candidate === undefined || result === undefined) return [];
          return [{ round: row.round, candidate, ...worthOf(result) }];
        }),
      ),
    });
    return pending.length;
  });
  if (received > 0) database.signal(OUTCOME_CHANNEL);
  return received;
}

/**
 * What a candidate is worth, or why that is not known. A network that cannot be trained is worth what guessing is: left out, it would be no worse for the policy than
 * one that was never sampled.
 */
function worthOf(result: NonNullable<wire.CandidateResult['result']>): { readonly value: number | null; readonly failure: string | null } {
  if (result.$case === 'value') return { value: result.value, failure: null };
  const error = statusToDomainError(result.value);
  const chance = error.reason === 'TRAINING_DIVERGED' ? Number(error.metadata['chance']) : NaN;
  return chance >= 0 && chance <= 1 ? { value: chance, failure: null } : { value: null, failure: textOf(describe(error)) };
}

/** `REASON: message`. */
function describe({ reason, message }: DomainError): string {
  return `${reason}: ${message}`;
}

/** Number of a candidate of this evaluation, from the last part of its id. */
function candidateNumber(id: string, first: number, count: number): number | undefined {
  const candidate = Number(id.slice(id.lastIndexOf('/') + 1));
  return Number.isInteger(candidate) && candidate >= first && candidate < first + count ? candidate : undefined;
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

/** Gives up on evaluations: their candidates count as failed for the reason given, whatever may still come of them. */
export async function giveUp(database: Database<SearchTables>, names: readonly string[], reason: string): Promise<void> {
  await receiveOutcomes(
    database,
    names.map((name) => ({
      name,
      state: wire.EvaluationState.EVALUATION_STATE_FAILED,
      outcome: { result: { $case: 'failed', value: { error: domainErrorToStatus(new DomainError('CANCELLED', 'given up', { reason })), terminal: true } } },
    })),
  );
}
