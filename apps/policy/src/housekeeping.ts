/** What the policy service deletes by itself: old answers to requests, operations, the rounds of searches that ended long ago or were deleted; and blobs that nobody names. */
import { isDomainError } from '@nat/base/errors';
import { deleteInBatches, pruneDeadLetters, publishReferences, type BlobStore, type Database, type HousekeepingConfig } from '@nat/storage';
import type { Logger } from '@nat/service';
import { sql, type RawBuilder } from 'kysely';
import type { SearchTables } from './searches/store/tables.ts';

/** Each has up to thousands of other rows. */
const ROUNDS_A_STATEMENT = 20;

/** Answers to a `request_id` are kept for so long. */
const REQUEST_RETENTION_MS = 7 * 24 * 3_600_000;

/** Services whose rows name blobs of the store that they share. */
const BLOB_SERVICES = ['evaluator', 'policy'];

export interface PolicyHouse {
  readonly database: Database<SearchTables>;
  readonly blobs: BlobStore;
  readonly config: Pick<HousekeepingConfig, 'retentionMs' | 'blobGraceMs'>;
  readonly logger: Logger;
}

/** One turn. Searches, their steps and their policies stay; of a search that may still learn everything does. */
export async function keepPolicyHouse({ database, blobs, config, logger }: PolicyHouse): Promise<void> {
  const { retentionMs, blobGraceMs } = config;
  const requests = await forgetRequests(database, Math.min(retentionMs, REQUEST_RETENTION_MS));
  const operations = await forgetOperations(database, retentionMs);
  const rounds = await forgetRounds(database, retentionMs);
  const steps = await forgetSteps(database);
  await pruneDeadLetters(database, retentionMs);
  if (requests + operations + rounds + steps > 0) logger.info({ requests, operations, rounds, steps }, 'old rows are deleted');
  const before = new Date(Date.now() - blobGraceMs);
  await publishReferences(database, { blobs, service: 'policy', read: () => readReferences(database) });
  try {
    const removed = await blobs.collect({ before, services: BLOB_SERVICES });
    if (removed.length > 0) logger.info({ blobs: removed.length }, 'blobs that nothing names are gone');
  } catch (error) {
    if (!isDomainError(error) || error.reason !== 'REFERENCES_UNKNOWN') throw error;
    logger.info({ why: error.message }, 'no blobs are collected before every service has said what it needs');
  }
}

const before = (ms: number): RawBuilder<Date> => sql`clock_timestamp() - ${ms}::float8 * interval '1 millisecond'`;

function forgetRequests(database: Database<SearchTables>, retentionMs: number): Promise<number> {
  return deleteInBatches(async (limit) => {
    const { numAffectedRows } = await sql`
      DELETE FROM policy.request WHERE key = ANY (ARRAY(SELECT key FROM policy.request WHERE create_time < ${before(retentionMs)} LIMIT ${limit}::int8))`.execute(
      database.kysely,
    );
    return Number(numAffectedRows ?? 0n);
  });
}

/** With their rounds. */
function forgetOperations(database: Database<SearchTables>, retentionMs: number): Promise<number> {
  return deleteInBatches(async (limit) => {
    const { numAffectedRows } = await sql`
      DELETE FROM policy.operation WHERE ordinal = ANY (ARRAY(
        SELECT ordinal FROM policy.operation WHERE done AND create_time < ${before(retentionMs)} LIMIT ${limit}::int8))`.execute(database.kysely);
    return Number(numAffectedRows ?? 0n);
  });
}

/** With their trials, evaluations and outcomes. */
function forgetRounds(database: Database<SearchTables>, retentionMs: number): Promise<number> {
  return deleteInBatches(async (limit) => {
    const { numAffectedRows } = await sql`
      DELETE FROM policy.round WHERE ordinal = ANY (ARRAY(
        SELECT r.ordinal FROM policy.round AS r JOIN policy.search AS s ON s.ordinal = r.search
        WHERE s.state IN ('SUCCEEDED', 'FAILED', 'CANCELLED') AND (s.delete_time IS NOT NULL OR s.end_time < ${before(retentionMs)}) LIMIT ${limit}::int8))`.execute(
      database.kysely,
    );
    return Number(numAffectedRows ?? 0n);
  }, ROUNDS_A_STATEMENT);
}

/** Of deleted searches. */
function forgetSteps(database: Database<SearchTables>): Promise<number> {
  return deleteInBatches(async (limit) => {
    const { numAffectedRows } = await sql`
      DELETE FROM policy.step WHERE ctid = ANY (ARRAY(
        SELECT t.ctid FROM policy.step AS t JOIN policy.search AS s ON s.ordinal = t.search WHERE s.delete_time IS NOT NULL LIMIT ${limit}::int8))`.execute(
      database.kysely,
    );
    return Number(numAffectedRows ?? 0n);
  });
}

/** Learner states and weights of searches, policies, and the weights that rounds under way have got so far. */
async function readReferences(database: Database<SearchTables>): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ key: string }>`
    SELECT key FROM (
      SELECT unnest(ARRAY[learner_state, weights, policy_sha256]) AS key FROM policy.search
      UNION SELECT sha256 FROM policy.version
      UNION SELECT e.weights FROM policy.evaluation AS e JOIN policy.round AS r ON r.ordinal = e.round JOIN policy.search AS s ON s.ordinal = r.search
        WHERE s.state IN ('RUNNING', 'PAUSED') AND r.learned_step IS NULL AND r.dropped IS NULL
    ) AS named WHERE key <> ''`.execute(database.kysely);
  return new Set(rows.map(({ key }) => key));
}
