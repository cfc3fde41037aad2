/**
 * Fair shares: searches of one priority take turns, however many evaluations each has queued. Every evaluation gets the number of its turn when it is
 * queued, and the lowest number is leased first (start-time fair queueing, Goyal et al. 1996, with every evaluation of the same size).
 */
import { sql } from 'kysely';
import type { EvaluatorTransaction } from './conclude.ts';

interface Share {
  readonly search: string;
  readonly priority: number;
}

/**
 * The first turn of new evaluations of a search: after its own that wait, and not before what others wait for now, so that one that comes late does
 * not make up for the time it was away.
 */
async function firstTurn(tx: EvaluatorTransaction, { search, priority }: Share): Promise<number> {
  const { rows } = await sql<{ turn: number }>`
    SELECT greatest(
      (SELECT turn FROM evaluator.evaluation WHERE state = 'QUEUED' AND priority = ${priority} ORDER BY turn LIMIT 1),
      (SELECT turn + 1 FROM evaluator.evaluation WHERE state = 'QUEUED' AND search = ${search} AND priority = ${priority} ORDER BY turn DESC LIMIT 1),
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
