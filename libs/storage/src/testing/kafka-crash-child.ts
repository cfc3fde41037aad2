// Like crash-child.ts over PostgreSQL and Kafka: commits rows with messages, relays them and counts them, until it is killed.
import { sql } from 'kysely';
import { openPostgres } from '../database/postgres/postgres.ts';
import { openKafkaStream } from '../stream/kafka-stream.ts';
import { appendOutbox } from '../stream/outbox.ts';
import { countMessages, parseNumber } from './crash-tables.ts';

const [url = '', broker = '', topic = ''] = process.argv.slice(2);
const database = await openPostgres({ url });
const stream = await openKafkaStream({
  brokers: [broker],
  clientId: 'crash',
  topics: [{ name: topic, groups: ['counter'] }],
  relay: database,
  sessionTimeoutMs: 3_000,
});
await stream.subscribe({ topic, group: 'counter', parse: parseNumber, maxBatch: 7 }, (batch) => countMessages(database, batch));
const { rows } = await sql<{ next: number }>`select coalesce(max(n), 0) + 1 as next from crash.written`.execute(database.kysely);
for (let n = rows[0]?.next ?? 1; ; n += 1) {
  await database.transaction(async (tx) => {
    await sql`insert into crash.written (n) values (${n})`.execute(tx);
    await appendOutbox(tx, [{ topic, key: String(n), id: `m${String(n)}`, payload: new TextEncoder().encode(String(n)) }]);
  });
  process.stdout.write(`${String(n)}\n`);
}
