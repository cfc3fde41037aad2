// Commits rows with messages and counts the messages, printing each row once its commit was acknowledged, until it is killed.
import { sql } from 'kysely';
import { openEmbedded } from '../database/embedded/embedded.ts';
import { appendOutbox } from '../stream/outbox.ts';
import { openOutboxStream } from '../stream/outbox-stream.ts';
import { crashTopics, countMessages, migrateCrashTables, parseNumber } from './crash-tables.ts';

const [directory = ''] = process.argv.slice(2);
const { database } = await openEmbedded(directory);
await migrateCrashTables(database);
const stream = await openOutboxStream(database, { topics: crashTopics, keepMs: 0, pruneEveryMs: 100 });
await stream.subscribe({ topic: 'crash', group: 'counter', parse: parseNumber, maxBatch: 7 }, (batch) => countMessages(database, batch));
const { rows } = await sql<{ next: number }>`select coalesce(max(n), 0) + 1 as next from crash.written`.execute(database.kysely);
for (let n = rows[0]?.next ?? 1; ; n += 1) {
  await database.transaction(async (tx) => {
    await sql`insert into crash.written (n) values (${n})`.execute(tx);
    await appendOutbox(tx, [{ topic: 'crash', key: 'k', id: `m${String(n)}`, payload: new TextEncoder().encode(String(n)) }]);
  });
  process.stdout.write(`${String(n)}\n`);
}
