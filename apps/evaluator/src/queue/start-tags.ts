/**
 * Start-time fair queueing (Goyal et al. 1996) among the searches of one priority, with every evaluation of the same size: each evaluation gets a
 * start tag when it is queued, and the lowest tag is leased first, however many evaluations a search has queued.
 */
import { sql } from 'kysely';
import type { EvaluatorTransaction } from '../tables/tables.ts';

/**
 * How many tags ahead of the head of the queue an evaluation may be leased to a worker that has its weights in memory. Loading weights again costs
 * more than the wait of those that are passed over, and each of them is passed over by one search for at most so many evaluations.
 */
export const AFFINITY_WINDOW = 8;

interface Flow {
  readonly search: string;
  readonly priority: number;
}

/**
 * The start tag of the next evaluation of a search: after those of its own that wait, and not before the head of the queue, so that a search that comes
 * late does not make up for the time it was away. Evaluations that were leased ahead of their tag count too, or a search that submits one evaluation
 * after the other would be ahead for ever; but only as far as `AFFINITY_WINDOW` reaches: what was served while no other search waited was nobody's loss.
 */
async function nextStartTag(tx: EvaluatorTransaction, { search, priority }: Flow): Promise<number> {
  const { rows } = await sql<{ start_tag: number }>`
    WITH head AS (SELECT start_tag FROM evaluator.evaluation WHERE state = 'QUEUED' AND priority = ${priority} ORDER BY start_tag LIMIT 1)
    SELECT greatest(
      (SELECT start_tag FROM head),
      (SELECT start_tag + 1 FROM evaluator.evaluation WHERE state = 'QUEUED' AND search = ${search} AND priority = ${priority} ORDER BY start_tag DESC LIMIT 1),
      (SELECT least(latest.start_tag, head.start_tag + ${AFFINITY_WINDOW}) + 1 FROM head CROSS JOIN LATERAL (
        -- A range of one value, so that only the index by search has this order: that by ordinal alone may read half of the table.
        SELECT start_tag FROM evaluator.evaluation WHERE search BETWEEN ${search} AND ${search} AND search <> '' AND priority = ${priority}
        ORDER BY search DESC, ordinal DESC LIMIT 1
      ) AS latest),
      0) AS start_tag`.execute(tx);
  return rows[0]!.start_tag;
}

/** The start tags of evaluations that are queued together, in their order. Two submissions at once may get the same: the order of submission decides then. */
export async function assignStartTags(tx: EvaluatorTransaction, submitted: readonly Flow[]): Promise<readonly number[]> {
  const next = new Map<string, number>();
  const tags: number[] = [];
  for (const flow of submitted) {
    const key = `${flow.priority} ${flow.search}`;
    const tag = next.get(key) ?? (await nextStartTag(tx, flow));
    tags.push(tag);
    next.set(key, tag + 1);
  }
  return tags;
}
