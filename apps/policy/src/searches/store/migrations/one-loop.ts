/**
 * Every round says which policy sampled it and which step learned from it. Until now those of synchronous searches did not: their number was the step. Versions
 * before this one would not say so either, so it does not run beside them.
 */
import type { Migration } from '@nat/storage';
import { sql } from 'kysely';

export const oneLoop: Migration = {
  id: '0007-one-loop',
  kind: 'contract',
  up: async (tx) => {
    await sql`ALTER TABLE policy.round RENAME COLUMN step TO number`.execute(tx);
    await sql`ALTER TABLE policy.round ADD COLUMN comparison boolean NOT NULL DEFAULT false`.execute(tx);
    await sql`
      UPDATE policy.round AS r SET comparison = true FROM policy.search AS s
      WHERE s.ordinal = r.search AND s.spec ->> 'evaluator' = 'shared-weights' AND r.number > (s.spec ->> 'steps')::int`.execute(tx);
    await sql`
      UPDATE policy.round AS r SET learned_step = r.number FROM policy.search AS s
      WHERE s.ordinal = r.search AND r.policy_step IS NULL AND NOT r.comparison AND r.number <= s.step`.execute(tx);
    await sql`UPDATE policy.round SET policy_step = number - 1 WHERE search IS NOT NULL AND policy_step IS NULL`.execute(tx);
    await sql`ALTER TABLE policy.round ADD CONSTRAINT round_policy_step_check CHECK (num_nulls(search, policy_step) IN (0, 2))`.execute(tx);
    await sql`DROP INDEX policy.round_open`.execute(tx);
    await sql`CREATE INDEX round_open ON policy.round (search) WHERE search IS NOT NULL AND learned_step IS NULL AND dropped IS NULL`.execute(tx);

    await sql`
      UPDATE policy.step SET round = step, staleness = 0, mean_weight = 1, clipped_share = 0, dropped_trials = 0 WHERE round IS NULL`.execute(tx);
    await sql`
      ALTER TABLE policy.step
        ALTER COLUMN round SET NOT NULL,
        ALTER COLUMN staleness SET NOT NULL,
        ALTER COLUMN mean_weight SET NOT NULL,
        ALTER COLUMN clipped_share SET NOT NULL,
        ALTER COLUMN dropped_trials SET NOT NULL`.execute(tx);
  },
};
