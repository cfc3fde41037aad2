import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openOutboxStream } from '../../stream/outbox-stream.ts';
import { killChild, printed, startChild } from '../../testing/child-process.ts';
import { countMessages, crashTopics, migrateCrashTables, parseNumber } from '../../testing/crash-tables.ts';
import { until } from '../../testing/until.ts';
import { readLockHolder } from './directory-lock.ts';
import { vacuumTables } from './vacuum.ts';
import { openEmbedded } from './embedded.ts';

describe('embedded database', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'nat-embedded-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  it('belongs to one process, whose address others can read, until that process ends', async () => {
    const directory = join(root, 'lock');
    expect(await readLockHolder(directory)).toBeUndefined();
    const holder = startChild('./lock-child.ts', directory, '127.0.0.1:7433');
    await printed(holder, 'open');
    const { pid } = holder;
    expect(await readLockHolder(directory)).toEqual({ pid, address: '127.0.0.1:7433' });
    await expect(openEmbedded(directory)).rejects.toMatchObject({
      kind: 'FAILED_PRECONDITION',
      reason: 'DIRECTORY_LOCKED',
      metadata: { pid: String(pid), address: '127.0.0.1:7433' },
    });
    await killChild(holder);
    expect(await readLockHolder(directory)).toBeUndefined();

    const { database, publishAddress } = await openEmbedded(directory);
    expect(await readLockHolder(directory)).toEqual({ pid: process.pid, address: undefined });
    await publishAddress('127.0.0.1:1');
    expect(await readLockHolder(directory)).toEqual({ pid: process.pid, address: '127.0.0.1:1' });
    await expect(openEmbedded(directory)).rejects.toMatchObject({ reason: 'DIRECTORY_LOCKED' }); // the same process is no exception
    const rival = startChild('./lock-child.ts', directory, 'x');
    expect(await printed(rival, 'refused')).toContain('DIRECTORY_LOCKED');
    await rival.ended;
    await database.close();
    expect(await readLockHolder(directory)).toBeUndefined();
  });

  it('lets exactly one of several processes in that start together', { timeout: 180_000 }, async () => {
    const directory = join(root, 'race');
    const rivals = Array.from({ length: 4 }, () => startChild('./lock-child.ts', directory, 'x'));
    const answers = await Promise.all(rivals.map((rival) => rival.lines.find((line) => /^(open|refused)/.test(line))));
    expect(answers.filter((line) => line.startsWith('open'))).toHaveLength(1);
    await Promise.all(rivals.map(killChild));
  });

  it('starts over a creation that was interrupted, and refuses another version', async () => {
    const directory = join(root, 'interrupted');
    await mkdir(join(directory, 'postgres.unfinished', 'base'), { recursive: true });
    await writeFile(join(directory, 'postgres.unfinished', 'PG_VERSION'), '18\n');
    const { database } = await openEmbedded(directory);
    expect((await sql`select 1 as one`.execute(database.kysely)).rows).toEqual([{ one: 1 }]);
    await database.close();
    await writeFile(join(directory, 'postgres', 'PG_VERSION'), '17\n');
    await expect(openEmbedded(directory)).rejects.toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'DATABASE_VERSION' });
    expect(await readLockHolder(directory)).toBeUndefined();
  });

  it('makes and uses a template', async () => {
    const templateDirectory = join(root, 'templates');
    await (await openEmbedded(join(root, 'first'), { templateDirectory })).database.close();
    const [template, ...others] = await readdir(templateDirectory);
    expect(template).toMatch(/^pglite-[0-9.]+$/);
    expect(others).toEqual([]);
    await writeFile(join(templateDirectory, template ?? '', 'marker'), '');
    const { database } = await openEmbedded(join(root, 'copied'), { templateDirectory });
    await sql`create table t (n int8)`.execute(database.kysely);
    await database.close();
    expect(await readdir(join(root, 'copied', 'postgres'))).toContain('marker');
  });

  it('works without a place for templates', async () => {
    await writeFile(join(root, 'file'), '');
    const { database } = await openEmbedded(join(root, 'untemplated'), { templateDirectory: join(root, 'file', 'below') });
    expect((await sql`select 1 as one`.execute(database.kysely)).rows).toEqual([{ one: 1 }]);
    await database.close();
  });

  it('answers DATABASE_BUSY instead of waiting for ever', async () => {
    const { database } = await openEmbedded(join(root, 'busy'), { queueTimeoutMs: 100 });
    const inside = Promise.withResolvers<undefined>();
    const finish = Promise.withResolvers<undefined>();
    const transaction = database.transaction(async () => {
      inside.resolve(undefined);
      await finish.promise;
    });
    await inside.promise;
    await expect(sql`select 1`.execute(database.kysely)).rejects.toMatchObject({ kind: 'UNAVAILABLE', reason: 'DATABASE_BUSY' });
    finish.resolve(undefined);
    await transaction;
    await database.close();
  });

  it('keeps timers running through a loop of queries', async () => {
    const { database } = await openEmbedded(join(root, 'timers'));
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    // Ends, for the timer runs between the queries.
    while (ticks < 10) await sql`select 1`.execute(database.kysely);
    clearInterval(timer);
    expect(ticks).toBeGreaterThanOrEqual(10);
    await database.close();
  });

  it('frees the space of deleted rows', async () => {
    const { database } = await openEmbedded(join(root, 'clean'));
    await sql`create table t (n int8)`.execute(database.kysely);
    const size = async (): Promise<number> => (await sql<{ size: number }>`select pg_relation_size('t') as size`.execute(database.kysely)).rows[0]?.size ?? 0;
    await sql`insert into t select generate_series(1, 20000)`.execute(database.kysely);
    await sql`delete from t where n > 100`.execute(database.kysely);
    const before = await size();
    const cleaned: string[] = [];
    // the server counts changes once a second
    await until(async () => {
      cleaned.push(...(await vacuumTables(database.kysely)));
      return cleaned.length > 0;
    });
    expect(cleaned).toEqual(['public.t']);
    expect(await size()).toBeLessThan(before / 10);
    await database.close();
  });

  it('loses nothing acknowledged and counts every message once when it is killed again and again', { timeout: 300_000 }, async () => {
    const directory = join(root, 'crash');
    let acknowledged = 0;
    for (let round = 0; round < 6; round += 1) {
      const child = startChild('./crash-child.ts', directory);
      // Killed at another place of its work each time.
      await printed(child, String(acknowledged + 3 + 2 * round));
      await killChild(child);
      acknowledged = Number(child.lines.all.at(-1));
    }
    const { database } = await openEmbedded(directory);
    await migrateCrashTables(database);
    const { rows: written } = await sql<{ n: number }>`select n from crash.written order by n`.execute(database.kysely);
    expect(written.length).toBeGreaterThanOrEqual(acknowledged);
    expect(written.map(({ n }) => n)).toEqual(written.map((_, index) => index + 1));
    const stream = await openOutboxStream(database, { topics: crashTopics });
    await stream.subscribe({ topic: 'crash', group: 'counter', parse: parseNumber }, (batch) => countMessages(database, batch));
    const count = async (): Promise<number> => (await sql<{ n: number }>`select count(*) as n from crash.counted`.execute(database.kysely)).rows[0]?.n ?? 0;
    await until(async () => (await count()) >= written.length);
    const { rows: counted } = await sql<{ n: number }>`select n from crash.counted order by n`.execute(database.kysely);
    expect(counted).toEqual(written);
    await stream.close();
    await database.close();
  });
});
