/**
 * What becomes of the rounds of a search: each is learned from by one step, in that step's transaction, or dropped, in the transaction of the step that made it
 * too stale; until then it is open, and whoever owns the search waits for it.
 */
import { DomainError } from '@nat/base/errors';
import { sql, type RawBuilder } from 'kysely';
import type { Reader, Tx } from './tables.ts';

/** Why a round was dropped; also given to the evaluator. */
export const STALE = 'STALE';

export interface OpenRound {
  readonly ordinal: number;
  /** From 1, in the order of sampling. */
  readonly number: number;
  /** Steps that the policy had learned which sampled it. */
  readonly policyStep: number;
}

/** Whether a round was neither learned from nor dropped. Table: `round`. */
export const roundIsOpen: RawBuilder<boolean> = sql`round.learned_step IS NULL AND round.dropped IS NULL`;

/** Rounds that a step is still to learn from, in the order of sampling. */
export async function readOpenRounds(reader: Reader, search: number): Promise<readonly OpenRound[]> {
  const rows = await reader
    .selectFrom('policy.round as round')
    .select(['ordinal', 'number', 'policy_step'])
    .where('search', '=', search)
    .where('comparison', '=', false)
    .where(roundIsOpen)
    .orderBy('number')
    .execute();
  return rows.map(({ ordinal, number, policy_step: policyStep }) => ({ ordinal, number: number!, policyStep: policyStep! }));
}

/** Number of the round sampled last; 0 before the first. */
export async function lastRound(reader: Reader, search: number): Promise<number> {
  const row = await reader
    .selectFrom('policy.round')
    .select('number')
    .where('search', '=', search)
    .where('comparison', '=', false)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.number ?? 0;
}

/** Notes that a step learned from a round. @throws DomainError DATA_LOSS ROUND_CLOSED for one that is not open */
export async function consumeRound(tx: Tx, round: number, step: number): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('policy.round as round')
    .set({ learned_step: step })
    .where('ordinal', '=', round)
    .where(roundIsOpen)
    .executeTakeFirst();
  requireOpen(step, 1, numUpdatedRows);
}

/** Notes that no step will learn from rounds that a step made too stale. @throws DomainError DATA_LOSS ROUND_CLOSED for one that is not open */
export async function dropRounds(tx: Tx, rounds: readonly number[], step: number): Promise<void> {
  if (rounds.length === 0) return;
  const { numUpdatedRows } = await tx
    .updateTable('policy.round as round')
    .set({ dropped: sql<string>`format('${sql.raw(STALE)}: %s steps were learned since it was sampled', ${step}::int - policy_step)` })
    .where('ordinal', 'in', rounds)
    .where(roundIsOpen)
    .executeTakeFirst();
  requireOpen(step, rounds.length, numUpdatedRows);
}

function requireOpen(step: number, wanted: number, found: bigint): void {
  if (found !== BigInt(wanted)) throw new DomainError('DATA_LOSS', `step ${step} would close a round that is not open`, { reason: 'ROUND_CLOSED' });
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
