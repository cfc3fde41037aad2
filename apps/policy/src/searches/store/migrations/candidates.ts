/**
 * Rounds number the candidates that are evaluated for them; until now they numbered pairs of a source and a result. Pair p of a search becomes the
 * candidates 2p and 2p + 1, as the evaluator converts the evaluations that it holds. An operation's pairs had a source alone and keep their numbers, but
 * for the last one of shared weights, which is source and result on the test images. Versions before this one read pairs, so it does not run beside them.
 */
import type { Migration } from '@nat/storage';
import { sql } from 'kysely';

/** Whether the row of `policy.evaluation e` or `policy.pair_outcome e` carries whole pairs. Tables: `round`, `operation` (of the round, if it has one). */
const WHOLE_PAIRS = sql`(round.search IS NOT NULL OR e.first_pair = operation.candidates + 1)`;

export const candidates: Migration = {
  id: '0010-candidates',
  kind: 'contract',
  up: async (tx) => {
    await sql`
      ALTER TABLE policy.trial
        ADD COLUMN source_candidate integer,
        ADD COLUMN result_candidate integer,
        ADD COLUMN greedy_candidate integer`.execute(tx);
    await sql`UPDATE policy.trial SET source_candidate = 2 * index, result_candidate = 2 * index + 1, greedy_candidate = 2 * greedy_pair + 1`.execute(tx);
    await sql`
      ALTER TABLE policy.trial
        ALTER COLUMN source_candidate SET NOT NULL,
        ALTER COLUMN result_candidate SET NOT NULL,
        DROP COLUMN greedy_pair`.execute(tx);

    await sql`ALTER TABLE policy.outcome RENAME TO pair_outcome`.execute(tx);
    await sql`ALTER TABLE policy.pair_outcome RENAME COLUMN pair TO first_pair`.execute(tx);
    await sql`
      CREATE TABLE policy.outcome (
        round bigint NOT NULL REFERENCES policy.round (ordinal) ON DELETE CASCADE,
        candidate integer NOT NULL,
        value float8,
        failure text,
        CONSTRAINT outcome_candidate_pkey PRIMARY KEY (round, candidate),
        CHECK (num_nonnulls(value, failure) = 1)
      )`.execute(tx);
    await sql`
      INSERT INTO policy.outcome (round, candidate, value, failure)
      SELECT e.round, CASE WHEN whole THEN 2 * e.first_pair ELSE e.first_pair END + role.shift,
        CASE WHEN e.failure IS NULL THEN CASE role.shift WHEN 0 THEN e.source_value ELSE e.result_value END END, e.failure
      FROM policy.pair_outcome AS e
      JOIN policy.round AS round ON round.ordinal = e.round
      LEFT JOIN policy.operation AS operation ON operation.ordinal = round.operation
      CROSS JOIN LATERAL (SELECT ${WHOLE_PAIRS} AS whole) AS pair
      JOIN (VALUES (0), (1)) AS role (shift) ON role.shift = 0 OR whole`.execute(tx);
    await sql`DROP TABLE policy.pair_outcome`.execute(tx);

    await sql`ALTER TABLE policy.evaluation DROP CONSTRAINT evaluation_kind_check`.execute(tx);
    await sql`
      UPDATE policy.evaluation AS changed
      SET first_pair = 2 * e.first_pair, pairs = 2 * e.pairs
      FROM policy.evaluation AS e
      JOIN policy.round AS round ON round.ordinal = e.round
      LEFT JOIN policy.operation AS operation ON operation.ordinal = round.operation
      WHERE changed.name = e.name AND ${WHOLE_PAIRS}`.execute(tx);
    await sql`UPDATE policy.evaluation SET kind = 'candidates' WHERE kind = 'pairs'`.execute(tx);
    await sql`ALTER TABLE policy.evaluation ADD CONSTRAINT evaluation_kind_check CHECK (kind IN ('weights', 'average', 'candidates'))`.execute(tx);
    await sql`ALTER TABLE policy.evaluation RENAME COLUMN first_pair TO first_candidate`.execute(tx);
    await sql`ALTER TABLE policy.evaluation RENAME COLUMN pairs TO candidates`.execute(tx);

    for (const table of ['policy.search', 'policy.step']) {
      await sql`UPDATE ${sql.table(table)} SET pairs = 2 * pairs, failed_pairs = 2 * failed_pairs`.execute(tx);
      await sql`ALTER TABLE ${sql.table(table)} RENAME COLUMN pairs TO candidates`.execute(tx);
      await sql`ALTER TABLE ${sql.table(table)} RENAME COLUMN failed_pairs TO failed_candidates`.execute(tx);
    }
  },
};
