import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { migrate } from './migrate.ts';
import { testDatabases } from '../testing/index.ts';
import { until } from '../testing/until.ts';
import { openOutboxStream } from '../stream/outbox-stream.ts';
import { STORAGE_SCHEMA } from './storage-migrations.ts';
import { OUTCOME_TOPIC, PLATFORM_TOPICS } from '../stream/topics.ts';

describe.each(testDatabases)('the tables of an earlier version on $title', ({ skip, open }) => {
  it.skipIf(skip)('keep their messages and cursors when topics get versions', async () => {
    const home = await open();
    await migrate(home.database, 'storage', STORAGE_SCHEMA.migrations.slice(0, 1));
    for (const id of ['read', 'unread']) {
      await sql`insert into storage.outbox (topic, key, id, payload) values ('evaluation-outcomes', 'k', ${id}, 'x')`.execute(home.database.kysely);
    }
    await sql`insert into storage.stream_cursor (topic, consumer_group, xid, position)
      select topic, 'searches', xid, position from storage.outbox where id = 'read'`.execute(home.database.kysely);
    const stream = await openOutboxStream(home.database, { topics: PLATFORM_TOPICS });
    const received: string[] = [];
    await stream.subscribe({ topic: OUTCOME_TOPIC.name, group: 'searches', parse: () => undefined }, (batch) => {
      received.push(...batch.map(({ id }) => id));
      return Promise.resolve();
    });
    await until(() => received.length > 0);
    await stream.close();
    expect(received).toEqual(['unread']);
    await home.dispose();
  });
});
