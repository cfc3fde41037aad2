import { migrate, migrateStorage } from '@nat/storage';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POLICY_MIGRATIONS } from '../../migrations.ts';
import { findPolicyUse } from './policy-use.ts';
import type { SearchTables } from './tables.ts';

const PARENT = 'namespaces/default';
const START = `${PARENT}/policies/start/versions/2`;

describe.each(testDatabases)('what refers to a policy, on $title', ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let home: TestDatabase;
  beforeAll(async () => {
    home = await open();
    await migrateStorage(home.database);
    await migrate(home.database, 'policy', POLICY_MIGRATIONS);
  });
  afterAll(() => home.dispose());

  const insertSearch = (id: string, state: string, spec: object) =>
    sql`INSERT INTO policy.search (namespace, search_id, state, spec, effective_spec)
      VALUES ('default', ${id}, ${state}, '{}'::jsonb, ${JSON.stringify(spec)}::jsonb)`.execute(home.database.kysely);
  const insertOperation = (id: string, policyVersion: string, done: boolean) =>
    sql`INSERT INTO policy.operation (namespace, operation_id, request, policy_version, done)
      VALUES ('default', ${id}, ${Buffer.alloc(0)}, ${policyVersion}, ${done})`.execute(home.database.kysely);
  const useOf = (policy: string, version?: string) =>
    home.database.as<SearchTables>().transaction((tx) => findPolicyUse(tx, { namespace: 'default', policy, ...(version === undefined ? {} : { version }) }));

  it('is a search under way that writes it or began with it, and an operation that is not done', async () => {
    await insertSearch('ended', 'SUCCEEDED', { initialPolicy: START });
    expect(await useOf('start')).toBeUndefined();
    await insertSearch('paused', 'PAUSED', { space: 'darts', nested: { policy: { initial: START } } });
    expect(await useOf('start')).toBe(`${PARENT}/searches/paused`);
    expect(await useOf('start', '2')).toBe(`${PARENT}/searches/paused`);
    // Another version of it, and policies whose names begin alike.
    for (const [policy, version] of [['start', '1'], ['start', '22'], ['star', undefined], ['start2', undefined]] as const) expect(await useOf(policy, version)).toBeUndefined(); // prettier-ignore
    await insertSearch('writes', 'RUNNING', {});
    expect(await useOf('writes')).toBe(`${PARENT}/searches/writes`);
    expect(await useOf('writes', '1')).toBeUndefined();
    await insertOperation('done', `${PARENT}/policies/derived/versions/1`, true);
    expect(await useOf('derived')).toBeUndefined();
    await insertOperation('open', `${PARENT}/policies/derived/versions/1`, false);
    expect(await useOf('derived', '1')).toBe(`${PARENT}/operations/open`);
    expect(await useOf('derived')).toBe(`${PARENT}/operations/open`);
  });
});
