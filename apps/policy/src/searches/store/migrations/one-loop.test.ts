/** Rounds and steps as the version before stored them, of searches of every kind, after the migration that makes them alike. */
import { migrate, migrateStorage } from '@nat/storage';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyMigrations } from '../../../policies/migrations.ts';
import { oneLoop } from './one-loop.ts';
import { searchMigrations } from './search-migrations.ts';

describe.each(testDatabases)('migration 0007 on $title', ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let home: TestDatabase;
  beforeAll(async () => {
    home = await open();
    const before = [...policyMigrations, ...searchMigrations];
    await migrateStorage(home.database);
    await migrate(home.database, 'policy', before.slice(0, before.indexOf(oneLoop)));
  });
  afterAll(() => home.dispose());

  const insertSearch = async (id: string, spec: object, step: number): Promise<number> => {
    const { rows } = await sql<{ ordinal: number }>`
      INSERT INTO policy.search (namespace, search_id, spec, step) VALUES ('default', ${id}, ${JSON.stringify(spec)}::jsonb, ${step}) RETURNING ordinal`.execute(
      home.database.kysely,
    );
    return rows[0]!.ordinal;
  };
  const insertRound = (search: number, step: number, asynchronous: { policyStep?: number; learnedStep?: number; dropped?: string } = {}) =>
    sql`INSERT INTO policy.round (search, step, policy_step, learned_step, dropped)
      VALUES (${search}, ${step}, ${asynchronous.policyStep ?? null}, ${asynchronous.learnedStep ?? null}, ${asynchronous.dropped ?? null})`.execute(
      home.database.kysely,
    );

  it('says of every round which policy sampled it and which step learned from it', async () => {
    const synchronous = await insertSearch('synchronous', { evaluator: 'tabular', steps: 9 }, 2);
    for (const step of [1, 2, 3]) await insertRound(synchronous, step);
    const compared = await insertSearch('compared', { evaluator: 'shared-weights', steps: 2 }, 2);
    for (const step of [1, 2, 3]) await insertRound(compared, step);
    const asynchronous = await insertSearch('asynchronous', { evaluator: 'tabular', steps: 9, mode: 'SEARCH_MODE_ASYNCHRONOUS' }, 1);
    await insertRound(asynchronous, 1, { policyStep: 0, dropped: 'STALE: 3 steps were learned since it was drawn' });
    await insertRound(asynchronous, 2, { policyStep: 0, learnedStep: 1 });
    await insertRound(asynchronous, 3, { policyStep: 1 });
    await sql`INSERT INTO policy.step (search, step, pairs, failed_pairs, mean_reward, mean_greedy_reward, baseline, entropy, loss, gradient_norm)
      VALUES (${synchronous}, 2, 4, 0, 0, 0, 0, 0, 0, 0)`.execute(home.database.kysely);

    expect(await migrate(home.database, 'policy', [...policyMigrations, ...searchMigrations.slice(0, searchMigrations.indexOf(oneLoop) + 1)])).toEqual([
      oneLoop.id,
    ]);

    const { rows } = await sql<Record<string, unknown>>`
      SELECT s.search_id AS search, r.number, r.policy_step, r.learned_step, r.dropped IS NOT NULL AS dropped, r.comparison
      FROM policy.round AS r JOIN policy.search AS s ON s.ordinal = r.search ORDER BY s.ordinal, r.number`.execute(home.database.kysely);
    const round = (search: string, number: number, policy_step: number, learned_step: number | null, more: object = {}) => ({
      search,
      number,
      policy_step,
      learned_step,
      dropped: false,
      comparison: false,
      ...more,
    });
    expect(rows).toEqual([
      round('synchronous', 1, 0, 1),
      round('synchronous', 2, 1, 2),
      round('synchronous', 3, 2, null),
      round('compared', 1, 0, 1),
      round('compared', 2, 1, 2),
      round('compared', 3, 2, null, { comparison: true }),
      round('asynchronous', 1, 0, null, { dropped: true }),
      round('asynchronous', 2, 0, 1),
      round('asynchronous', 3, 1, null),
    ]);
    const steps = await sql`SELECT step, round, staleness, mean_weight, clipped_share, dropped_trials FROM policy.step`.execute(home.database.kysely);
    expect(steps.rows).toEqual([{ step: 2, round: 2, staleness: 0, mean_weight: 1, clipped_share: 0, dropped_trials: 0 }]);
    // Another process is not to write rounds of which this is not known.
    await expect(sql`INSERT INTO policy.round (search, number) VALUES (${synchronous}, 4)`.execute(home.database.kysely)).rejects.toThrow(
      'round_policy_step_check',
    );
  });
});
