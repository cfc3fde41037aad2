import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { killChild, printed, startChild } from '../testing/child-process.ts';
import { countMessages, migrateCrashTables, parseNumber } from '../testing/crash-tables.ts';
import { makePostgresDatabase, testKafkaBroker, testPostgresUrl } from '../testing/test-databases.ts';
import { until } from '../testing/until.ts';
import { openKafkaStream } from './kafka-stream.ts';

const missing = [testPostgresUrl === undefined ? 'NAT_TEST_POSTGRES' : '', testKafkaBroker === undefined ? 'NAT_TEST_KAFKA' : ''].filter((name) => name !== '');

describe.skipIf(missing.length > 0)(`kafka with killed processes${missing.length > 0 ? ` (skipped: ${missing.join(' and ')} not set)` : ''}`, () => {
  it('loses nothing acknowledged and counts every message once', async () => {
    const home = await makePostgresDatabase();
    const database = await home.open();
    await migrateCrashTables(database);
    const topic = `test.${randomUUID()}`;
    let acknowledged = 0;
    for (let round = 0; round < 3; round += 1) {
      const child = startChild('./kafka-crash-child.ts', home.url ?? '', testKafkaBroker ?? '', topic);
      // Killed at another place of its work each time, with messages on their way.
      await printed(child, String(acknowledged + 100 + 80 * round));
      await killChild(child);
      acknowledged = Number(child.lines.all.at(-1));
    }
    const { rows: written } = await sql<{ n: number }>`select n from crash.written order by n`.execute(database.kysely);
    expect(written.length).toBeGreaterThanOrEqual(acknowledged);
    const stream = await openKafkaStream({
      brokers: [testKafkaBroker ?? ''],
      clientId: 'reader',
      topics: [{ name: topic, groups: ['counter'] }],
      relay: database,
      sessionTimeoutMs: 3_000,
    });
    await stream.subscribe({ topic, group: 'counter', parse: parseNumber }, (batch) => countMessages(database, batch));
    const count = async (): Promise<number> => (await sql<{ n: number }>`select count(*) as n from crash.counted`.execute(database.kysely)).rows[0]?.n ?? 0;
    await until(async () => (await count()) >= written.length, 60_000);
    const { rows: counted } = await sql<{ n: number }>`select n from crash.counted order by n`.execute(database.kysely);
    expect(counted).toEqual(written);
    await stream.close();
    await database.close();
    await home.dispose();
  }, 180_000);
});
