/** What the coordinator forgets: evaluations that ended long ago, with what was seen and written in them, and workers that never came back. */
import { deleteInBatches, isBlobKey, pruneDeadLetters, publishReferences, type BlobStore, type Database } from '@nat/storage';
import { sql } from 'kysely';
import type { EvaluatorTables } from './tables/tables.ts';

/** Of the coordinator, among the services that name blobs. */
const EVALUATOR_REFERENCES = 'evaluator';

/**
 * One turn. Evaluations of a search stay together until the search has been quiet for the retention: none of them is open, and none ended since.
 * @returns how many evaluations went
 */
export async function enforceRetention(database: Database<EvaluatorTables>, retentionMs: number, blobs: BlobStore | undefined): Promise<number> {
  const evaluations = await deleteInBatches((limit) => deleteEnded(database, retentionMs, limit));
  await sql`DELETE FROM evaluator.worker WHERE seen_time < clock_timestamp() - ${retentionMs}::float8 * interval '1 millisecond'`.execute(database.kysely);
  await pruneDeadLetters(database, retentionMs);
  if (blobs !== undefined) await publishReferences(database, { blobs, service: EVALUATOR_REFERENCES, read: () => readReferences(database) });
  return evaluations;
}

/** Observations go with their evaluations. */
async function deleteEnded(database: Database<EvaluatorTables>, retentionMs: number, limit: number): Promise<number> {
  const { numAffectedRows } = await sql`
    WITH kept AS MATERIALIZED (
      SELECT DISTINCT search FROM evaluator.evaluation
      WHERE search <> '' AND (end_time IS NULL OR end_time >= clock_timestamp() - ${retentionMs}::float8 * interval '1 millisecond')
    )
    DELETE FROM evaluator.evaluation WHERE ordinal = ANY (ARRAY(
      SELECT e.ordinal FROM evaluator.evaluation AS e
      WHERE e.end_time < clock_timestamp() - ${retentionMs}::float8 * interval '1 millisecond' AND NOT EXISTS (SELECT FROM kept WHERE kept.search = e.search)
      LIMIT ${limit}::int8 FOR UPDATE SKIP LOCKED))`.execute(database.kysely);
  return Number(numAffectedRows ?? 0n);
}

/** Blobs that open evaluations start from and go on from, and that the outcomes of others name. */
async function readReferences(database: Database<EvaluatorTables>): Promise<ReadonlySet<string>> {
  return database.transaction(
    async (tx) => {
      const { rows } = await sql<{ key: string }>`
        SELECT jsonb_array_elements_text(blobs) AS key FROM evaluator.evaluation WHERE blobs <> '[]'
        UNION SELECT jsonb_array_elements_text(checkpoint_blobs) FROM evaluator.evaluation WHERE checkpoint_blobs <> '[]'
        UNION SELECT resume_from FROM evaluator.evaluation WHERE resume_from <> '' AND end_time IS NULL`.execute(tx);
      return new Set(rows.map(({ key }) => key).filter(isBlobKey)); // a specification may name anything
    },
    { isolation: 'repeatable read' },
  );
}
