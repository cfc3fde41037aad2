import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHousekeeping } from './housekeeping.ts';
import { migrateStorage } from './migrations/storage-migrations.ts';
import { testDatabases, type TestDatabase } from './testing/databases-for-apps.ts';
import { until } from './testing/until.ts';

describe.each(testDatabases)('housekeeping on $title', ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let home: TestDatabase;
  beforeAll(async () => {
    home = await open();
    await migrateStorage(home.database);
  });
  afterAll(() => home.dispose());

  it('is done by one process at a time, again and again, whatever it throws, until it is closed', async () => {
    let running = 0;
    let most = 0;
    const turns: string[] = [];
    const errors: unknown[] = [];
    const start = (who: string, database: TestDatabase['database']) =>
      startHousekeeping(database, {
        name: 'attic',
        everyMs: 30,
        work: async () => {
          most = Math.max(most, (running += 1));
          await pause(10);
          running -= 1;
          turns.push(who);
          if (turns.length === 2) throw new Error('a broken broom');
        },
        onError: (error) => errors.push(error),
      });
    const one = start('one', home.database);
    const two = start('two', await home.connect());
    await until(() => turns.length >= 6);
    const [first] = turns;
    expect(new Set(turns)).toEqual(new Set([first]));
    expect(errors).toEqual([new Error('a broken broom')]);
    // The other takes over.
    await (first === 'one' ? one : two).close();
    await until(() => new Set(turns).size === 2);
    await Promise.all([one.close(), two.close()]);
    const done = turns.length;
    await pause(100);
    expect([turns.length, running, most]).toEqual([done, 0, 1]);
  });

  it('is due again only a while after the last turn, of whichever process', async () => {
    await sql`insert into storage.housekeeping (name, ran_at) values ('cellar', clock_timestamp())`.execute(home.database.kysely);
    let turns = 0;
    const house = startHousekeeping(home.database, {
      name: 'cellar',
      everyMs: 1_000_000,
      work: () => Promise.resolve(void (turns += 1)),
      onError: () => undefined,
    });
    await pause(100);
    await house.close();
    expect(turns).toBe(0);
  });
});
