/** Rounds and operations as the version that evaluated pairs stored them, after the migration that numbers candidates. */
import { migrate, migrateStorage } from '@nat/storage';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { sql, type RawBuilder } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyMigrations } from '../../../policies/migrations.ts';
import { readOutcomes, readTrials } from '../round-store.ts';
import { listTrials } from '../trial-store.ts';
import type { SearchTables } from '../tables.ts';
import { candidates } from './candidates.ts';
import { searchMigrations } from './search-migrations.ts';

describe.each(testDatabases)('migration 0008 on $title', ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let home: TestDatabase;
  const kysely = () => home.database.as<SearchTables>().kysely;
  const run = (statement: RawBuilder<unknown>) => statement.execute(home.database.kysely);
  const ordinalOf = async (statement: RawBuilder<unknown>): Promise<number> =>
    (await run(statement)).rows.map((row) => (row as { ordinal: number }).ordinal)[0]!;
  let round: number;
  let tabular: number;
  let shared: number;

  beforeAll(async () => {
    home = await open();
    const before = [...policyMigrations, ...searchMigrations];
    await migrateStorage(home.database);
    await migrate(home.database, 'policy', before.slice(0, before.indexOf(candidates)));

    // Two trials a round; the greedy partner of the first is the second, that of the second is a pair of its own.
    const search = await ordinalOf(sql`
      INSERT INTO policy.search (namespace, search_id, spec, step, pairs, failed_pairs) VALUES ('default', 's', '{}', 1, 5, 1) RETURNING ordinal`);
    round = await ordinalOf(sql`INSERT INTO policy.round (search, number, policy_step, learned_step) VALUES (${search}, 1, 0, 1) RETURNING ordinal`);
    await run(sql`
      INSERT INTO policy.trial (round, index, source, actions, result, greedy_result, greedy_pair, log_prob)
      VALUES (${round}, 0, 'a', '', 'x', 'y', 1, -1), (${round}, 1, 'a', '', 'y', 'z', 2, -1)`);
    await run(sql`
      INSERT INTO policy.evaluation (name, round, position, kind, first_pair, pairs, state, failure)
      VALUES ('s.1.weights-0-0', ${round}, 0, 'weights', 0, 0, 'SUCCEEDED', ''), ('s.1.0', ${round}, 1, 'pairs', 0, 2, 'SUCCEEDED', ''),
        ('s.1.2', ${round}, 2, 'pairs', 2, 1, 'FAILED', 'LOST: gone')`);
    await run(sql`
      INSERT INTO policy.outcome (round, pair, source_value, result_value, failure)
      VALUES (${round}, 0, 1, 3, NULL), (${round}, 1, 1, 2, NULL)`);
    await run(sql`
      INSERT INTO policy.step (search, step, pairs, failed_pairs, rewards, mean_reward, mean_greedy_reward, baseline, entropy, loss, gradient_norm, round,
        staleness, mean_weight, clipped_share, dropped_trials)
      VALUES (${search}, 1, 5, 1, 2, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0)`);

    // One of three texts in one evaluation; one of two texts on shared weights, an evaluation each and a test.
    const operation = (id: string, count: number) =>
      ordinalOf(sql`
        INSERT INTO policy.operation (namespace, operation_id, request, policy_version, candidates) VALUES ('default', ${id}, '', 'v', ${count}) RETURNING ordinal`);
    tabular = await ordinalOf(sql`INSERT INTO policy.round (operation) VALUES (${await operation('t', 2)}) RETURNING ordinal`);
    await run(sql`INSERT INTO policy.evaluation (name, round, position, kind, first_pair, pairs) VALUES ('operation.t.0', ${tabular}, 0, 'pairs', 0, 3)`);
    shared = await ordinalOf(sql`INSERT INTO policy.round (operation) VALUES (${await operation('w', 1)}) RETURNING ordinal`);
    await run(sql`
      INSERT INTO policy.evaluation (name, round, position, kind, first_pair, pairs, state)
      VALUES ('operation.w.0', ${shared}, 0, 'pairs', 0, 1, 'SUCCEEDED'), ('operation.w.1', ${shared}, 1, 'pairs', 1, 1, 'PENDING'),
        ('operation.w.2', ${shared}, 2, 'pairs', 2, 1, 'SUCCEEDED')`);
    await run(sql`
      INSERT INTO policy.outcome (round, pair, source_value, result_value, failure) VALUES (${shared}, 0, 0.5, 0, NULL), (${shared}, 2, 0.25, 0.75, NULL)`);

    expect(await migrate(home.database, 'policy', [...policyMigrations, ...searchMigrations.slice(0, searchMigrations.indexOf(candidates) + 1)])).toEqual([
      candidates.id,
    ]);
  });
  afterAll(() => home.dispose());

  const plannedOf = async (ordinal: number) =>
    (await kysely().selectFrom('policy.evaluation').selectAll().where('round', '=', ordinal).orderBy('position').execute()).map(
      ({ name, kind, first_candidate: first, candidates: count }) => [name, kind, first, count],
    );

  it('numbers two candidates a pair of a search, and keeps what they are worth', async () => {
    const stored = await readTrials(kysely(), round);
    expect(stored.candidates).toEqual({
      // Number 4 is the source of a greedy partner: no trial reads it.
      texts: ['a', 'x', 'a', 'y', '', 'z'],
      trials: [
        { source: 0, result: 1, greedyResult: 3 },
        { source: 2, result: 3, greedyResult: 5 },
      ],
    });
    expect(await plannedOf(round)).toEqual([
      ['s.1.weights-0-0', 'weights', 0, 0],
      ['s.1.0', 'candidates', 0, 4],
      ['s.1.2', 'candidates', 4, 2],
    ]);
    const planned = await kysely().selectFrom('policy.evaluation').selectAll().where('round', '=', round).execute();
    const evaluations = planned.map((row) => ({ ...row, firstCandidate: row.first_candidate, ageMs: 0 }));
    expect(await readOutcomes(kysely(), round, 6, evaluations)).toEqual([
      { value: 1 },
      { value: 3 },
      { value: 1 },
      { value: 2 },
      { failure: 'LOST: gone' },
      { failure: 'LOST: gone' },
    ]);
    const search = (await kysely().selectFrom('policy.search').selectAll().executeTakeFirst())!;
    expect([search.candidates, search.failed_candidates]).toEqual([10, 2]);
    const [step] = await kysely().selectFrom('policy.step').selectAll().execute();
    expect([step!.candidates, step!.failed_candidates]).toEqual([10, 2]);
    const trials = await listTrials(kysely(), search, { round: undefined, after: undefined, limit: 10 });
    expect(trials.map(({ state, reward, error }) => [state, reward, error?.message])).toEqual([
      ['TRIAL_STATE_COUNTED', 2, undefined],
      ['TRIAL_STATE_FAILED', undefined, 'greedy result: gone'],
    ]);
  });

  it('keeps the numbers of an operation, but for its test of source and result', async () => {
    expect(await plannedOf(tabular)).toEqual([['operation.t.0', 'candidates', 0, 3]]);
    expect(await plannedOf(shared)).toEqual([
      ['operation.w.0', 'candidates', 0, 1],
      ['operation.w.1', 'candidates', 1, 1],
      ['operation.w.2', 'candidates', 4, 2],
    ]);
    const outcomes = await kysely().selectFrom('policy.outcome').selectAll().where('round', '=', shared).orderBy('candidate').execute();
    expect(outcomes.map(({ candidate, value }) => [candidate, value])).toEqual([
      [0, 0.5],
      [4, 0.25],
      [5, 0.75],
    ]);
  });
});
