import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { migrate } from './migrate.ts';
import { testDatabases } from '../testing/index.ts';
import { STORAGE_SCHEMA } from './storage-migrations.ts';

describe.each(testDatabases)('the tables of an earlier version on $title', ({ skip, open }) => {
  it.skipIf(skip)('keep their messages and cursors when topics get versions', async () => {
    const home = await open();
    await migrate(home.database, 'storage', STORAGE_SCHEMA.migrations.slice(0, 1));
    for (const id of ['read', 'unread']) {
      await sql`insert into storage.outbox (topic, key, id, payload) values ('evaluation-outcomes', 'k', ${id}, 'x')`.execute(home.database.kysely);
    }
    await sql`insert into storage.stream_cursor (topic, consumer_group, xid, position)
      select topic, 'searches', xid, position from storage.outbox where id = 'read'`.execute(home.database.kysely);
    await migrate(home.database, 'storage', STORAGE_SCHEMA.migrations.slice(0, 2));
    const { rows } = await sql<{ id: string }>`select o.id from storage.outbox o join storage.stream_cursor c
      on c.topic = o.topic and (o.xid, o.position) > (c.xid, c.position) where o.topic = 'evaluation-outcomes.v1'`.execute(home.database.kysely);
    expect(rows).toEqual([{ id: 'unread' }]);
    await home.dispose();
  });

  it.skipIf(skip)('lose messages of versions that nobody relays or reads any more, and nothing else', async () => {
    const home = await open();
    await migrate(home.database, 'storage', STORAGE_SCHEMA.migrations.slice(0, 4));
    for (const topic of ['evaluation-outcomes.v1', 'search-events.v1', 'evaluation-outcomes.v2']) {
      await sql`insert into storage.outbox (topic, key, id, payload) values (${topic}, 'k', 'a', 'x')`.execute(home.database.kysely);
      await sql`insert into storage.stream_cursor (topic, consumer_group, xid, position)
        select topic, 'readers', xid, position from storage.outbox where topic = ${topic}`.execute(home.database.kysely);
    }
    await migrate(home.database, 'storage', STORAGE_SCHEMA.migrations.slice(0, 5));
    const topics = async (table: 'outbox' | 'stream_cursor'): Promise<readonly string[]> => {
      const { rows } = await sql<{ topic: string }>`select topic from storage.${sql.id(table)}`.execute(home.database.kysely);
      return rows.map(({ topic }) => topic);
    };
    expect(await topics('outbox')).toEqual(['evaluation-outcomes.v2']);
    expect(await topics('stream_cursor')).toEqual(['evaluation-outcomes.v2']);
    await home.dispose();
  });
});
