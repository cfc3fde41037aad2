import { search as wire } from '@nat/contracts';
import { migrate, migrateStorage, type Database } from '@nat/storage';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyMigrations } from '../../policies/migrations.ts';
import { searchMigrations } from '../store/migrations/search-migrations.ts';
import { changeState, insertSearch } from '../store/search-store.ts';
import type { SearchRow, SearchTables } from '../store/tables.ts';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { tabularSpec } from '../testing/specs.ts';
import { claim, release, renew, type Ownership } from './ownership.ts';
import { requireOwnership } from '../loop/run.ts';

describe.each(testDatabases)('owning searches on $title', ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let home: TestDatabase;
  let database: Database<SearchTables>;
  let row: SearchRow;
  const long = { leaseMs: 60_000, except: [] };

  beforeAll(async () => {
    home = await open();
    await migrateStorage(home.database);
    await migrate(home.database, 'policy', [...policyMigrations, ...searchMigrations]);
    database = home.database.as<SearchTables>();
    const specs = { spec: wire.SearchSpec.toJSON(tabularSpec()), effectiveSpec: wire.SearchSpec.toJSON(tabularSpec()) };
    row = await database.transaction((tx) => insertSearch(tx, { namespace: 'default', searchId: 'one', ...specs }));
  });
  afterAll(() => home.dispose());

  const mayCommit = async (ownership: Ownership, step = 0): Promise<boolean> =>
    database
      .transaction((tx) => requireOwnership(tx, { row, epoch: ownership.epoch }, step))
      .then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ kind: 'ABORTED', reason: 'SEARCH_NOT_OWNED' });
          return false;
        },
      );

  it('gives a search to one owner, until its lease has run out by the clock of the database', async () => {
    const first = await claim(database, 'policy.search', { owner: 'a', ...long });
    expect(first).toMatchObject({ ordinal: row.ordinal });
    expect(await claim(database, 'policy.search', { owner: 'b', ...long })).toBeUndefined();
    expect(await renew(database, first!, 60_000)).toBe(true);
    expect(await mayCommit(first!)).toBe(true);

    await sql`UPDATE policy.search SET lease_expires_at = clock_timestamp() - interval '1 ms'`.execute(database.kysely);
    const second = await claim(database, 'policy.search', { owner: 'b', ...long });
    expect(second!.epoch).toBe(first!.epoch + 1);
    // The first may not know yet: it was paused, or cut off.
    expect(await mayCommit(first!)).toBe(false);
    expect(await renew(database, first!, 60_000)).toBe(false);
    await release(database, first!);
    expect(await mayCommit(second!)).toBe(true);
    expect(await mayCommit(second!, 1)).toBe(false);
    await release(database, second!);
  });

  it('takes back at once what a process of the same name had', async () => {
    const before = await claim(database, 'policy.search', { owner: 'embedded', ...long });
    const after = await claim(database, 'policy.search', { owner: 'embedded', ...long });
    expect(after!.epoch).toBe(before!.epoch + 1);
    expect(await claim(database, 'policy.search', { owner: 'embedded', leaseMs: 60_000, except: [row.ordinal] })).toBeUndefined();
    await release(database, after!);
  });

  it('gives a row to one of many that ask at the same time', async () => {
    const claims = await Promise.all(Array.from({ length: 8 }, (_, i) => claim(database, 'policy.search', { owner: `p${i}`, ...long })));
    const won = claims.filter((one) => one !== undefined);
    expect(won).toHaveLength(1);
    await release(database, won[0]!);
  });

  it('ends with the search', async () => {
    const owned = await claim(database, 'policy.search', { owner: 'a', ...long });
    await database.transaction((tx) => changeState(tx, row.ordinal, { state: 'CANCELLED' }));
    expect(await mayCommit(owned!)).toBe(false);
    expect(await claim(database, 'policy.search', { owner: 'b', ...long })).toBeUndefined();
  });
});
