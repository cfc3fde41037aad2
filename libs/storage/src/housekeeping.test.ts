import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHousekeeping } from './housekeeping.ts';
import { migrateStorage } from './migrations/storage-migrations.ts';
import { testDatabases, type TestDatabase } from './testing/index.ts';
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
          await sql`select 1`.execute(database.kysely);
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
    expect([running, most]).toEqual([0, 1]);
  });

  it('is due again only a while after the last turn, of whichever process', async () => {
    // By another process, whose clock goes an hour wrong: not due for as long as this test looks.
    await sql`insert into storage.housekeeping (name, ran_at) values ('cellar', clock_timestamp() + interval '1 hour')`.execute(home.database.kysely);
    const turns = { cellar: 0, kitchen: 0 };
    const started = (['cellar', 'kitchen'] as const).map((name) =>
      startHousekeeping(home.database, {
        name,
        everyMs: 10,
        work: () => Promise.resolve(void (turns[name] += 1)),
        onError: () => undefined,
      }),
    );
    await until(() => turns.kitchen >= 5); // both look as often
    await Promise.all(started.map((one) => one.close()));
    expect(turns.cellar).toBe(0);
  });
});
