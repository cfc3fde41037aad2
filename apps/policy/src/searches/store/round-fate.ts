/**
 * Rounds of asynchronous searches in the database. Each is consumed by one step, in that step's transaction, or dropped, in the transaction of the step that
 * made it too stale; until then it is open, and whoever owns the search waits for it.
 */
import { DomainError } from '@nat/base/errors';
import { sql, type RawBuilder } from 'kysely';
import type { Reader, Tx } from './search-store.ts';

/** Why a round was dropped; also given to the evaluator. */
export const STALE = 'STALE';

export interface OpenRound {
  readonly ordinal: number;
  /** From 1, as drawn. */
  readonly number: number;
  /** Steps that the policy had learned which drew it. */
  readonly policyStep: number;
}

/** Whether a step is still to consume a round, of searches of either mode. Tables: `round`, `search`. */
export const roundIsOpen: RawBuilder<boolean> = sql`
  CASE WHEN round.policy_step IS NULL THEN round.step > search.step ELSE round.learned_step IS NULL AND round.dropped IS NULL END`;

/** Rounds that were drawn and neither consumed nor dropped, in the order they were drawn. */
export async function readOpenRounds(reader: Reader, search: number): Promise<readonly OpenRound[]> {
  const rows = await reader
    .selectFrom('policy.round')
    .select(['ordinal', 'step', 'policy_step'])
    .where('search', '=', search)
    .where('policy_step', 'is not', null)
    .where('learned_step', 'is', null)
    .where('dropped', 'is', null)
    .orderBy('step')
    .execute();
  return rows.map(({ ordinal, step, policy_step: policyStep }) => ({ ordinal, number: step!, policyStep: policyStep! }));
}

/** Number of the round drawn last; 0 before the first. */
export async function lastRound(reader: Reader, search: number): Promise<number> {
  const row = await reader.selectFrom('policy.round').select('step').where('search', '=', search).orderBy('step', 'desc').limit(1).executeTakeFirst();
  return row?.step ?? 0;
}

/** @throws DomainError DATA_LOSS ROUND_CONSUMED for one that is not open */
export async function consumeRound(tx: Tx, round: number, step: number): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('policy.round')
    .set({ learned_step: step })
    .where('ordinal', '=', round)
    .where('learned_step', 'is', null)
    .where('dropped', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw new DomainError('DATA_LOSS', `step ${step} learned from a round that is not open`, { reason: 'ROUND_CONSUMED' });
}

export interface DroppedRounds {
  readonly trials: number;
  readonly pairs: number;
}

/** Drops what is too stale after a step. */
export async function dropStaleRounds(tx: Tx, { search, step, maxStaleness }: { search: number; step: number; maxStaleness: number }): Promise<DroppedRounds> {
  const { rows } = await sql<DroppedRounds>`
    WITH stale AS (
      UPDATE policy.round SET dropped = format('${sql.raw(STALE)}: %s steps were learned since it was drawn', ${step}::int - policy_step)
      WHERE search = ${search} AND policy_step < ${step - maxStaleness} AND learned_step IS NULL AND dropped IS NULL
      RETURNING ordinal)
    SELECT (SELECT count(*) FROM policy.trial WHERE round IN (SELECT ordinal FROM stale)) AS trials,
      (SELECT coalesce(sum(pairs), 0)::bigint FROM policy.evaluation WHERE kind = 'pairs' AND round IN (SELECT ordinal FROM stale)) AS pairs`.execute(tx);
  return rows[0]!;
}

/** Names of evaluations that nobody waits for any more and that have not ended. */
export async function readAbandoned(reader: Reader, search: number): Promise<readonly string[]> {
  const rows = await reader
    .selectFrom('policy.round as round')
    .innerJoin('policy.evaluation as evaluation', 'evaluation.round', 'round.ordinal')
    .select('evaluation.name')
    .where('round.search', '=', search)
    .where('round.dropped', 'is not', null)
    .where('evaluation.state', '=', 'PENDING')
    .orderBy('evaluation.name')
    .execute();
  return rows.map(({ name }) => name);
}
