/**
 * Fair shares: searches of one priority take turns, however many evaluations each has queued. Every evaluation gets the number of its turn when it is
 * queued, and the lowest number is leased first (start-time fair queueing, Goyal et al. 1996, with every evaluation of the same size).
 */
import { sql } from 'kysely';
import type { EvaluatorTransaction } from './conclude.ts';

/**
 * So many turns before its own an evaluation may be leased to a worker that has its weights in memory: loading them again costs more than the wait of
 * those that are passed over, and each of them is passed over by a search for these turns at most.
 */
export const WARM_TURNS = 8;

interface Share {
  readonly search: string;
  readonly priority: number;
}

/**
 * The first turn of new evaluations of a search: after its own that wait, and not before what others wait for now, so that one that comes late does
 * not make up for the time it was away. Turns that its last ones took before their time are behind it too: a search that submits one evaluation after
 * the other would else be ahead for ever. They count only as far as `WARM_TURNS` lead: what was served while nobody else waited was nobody's loss.
 */
async function firstTurn(tx: EvaluatorTransaction, { search, priority }: Share): Promise<number> {
  const { rows } = await sql<{ turn: number }>`
    WITH head AS (SELECT turn FROM evaluator.evaluation WHERE state = 'QUEUED' AND priority = ${priority} ORDER BY turn LIMIT 1)
    SELECT greatest(
      (SELECT turn FROM head),
      (SELECT turn + 1 FROM evaluator.evaluation WHERE state = 'QUEUED' AND search = ${search} AND priority = ${priority} ORDER BY turn DESC LIMIT 1),
      (SELECT least(latest.turn, head.turn + ${WARM_TURNS}) + 1 FROM head CROSS JOIN LATERAL (
        -- A range of one value, so that only the index by search has this order: that by ordinal alone may read half of the table.
        SELECT turn FROM evaluator.evaluation WHERE search BETWEEN ${search} AND ${search} AND search <> '' AND priority = ${priority}
        ORDER BY search DESC, ordinal DESC LIMIT 1
      ) AS latest),
      0) AS turn`.execute(tx);
  return rows[0]!.turn;
}

/** The turns of evaluations that are queued together, in their order. Two submissions at once may get the same: that only makes them equals. */
export async function turnsOf(tx: EvaluatorTransaction, submitted: readonly Share[]): Promise<readonly number[]> {
  const next = new Map<string, number>();
  const turns: number[] = [];
  for (const share of submitted) {
    const key = `${share.priority} ${share.search}`;
    const turn = next.get(key) ?? (await firstTurn(tx, share));
    turns.push(turn);
    next.set(key, turn + 1);
  }
  return turns;
}
