import { sql } from 'kysely';
import type { AnyDatabase } from '../database/database.ts';
import { migrate } from '../migrations/migrate.ts';
import type { ReceivedMessage, TopicDeclaration } from '../stream/stream.ts';

export const crashTopics: readonly TopicDeclaration[] = [{ name: 'crash', groups: ['counter'] }];

export const parseNumber = (payload: Uint8Array): number => Number(new TextDecoder().decode(payload));

/** What a crash test writes (`written`) and counts from the messages (`counted`). */
export async function migrateCrashTables(database: AnyDatabase): Promise<void> {
  await migrate(database, 'crash', [
    {
      id: '0001-tables',
      up: async (tx) => {
        await sql`create table crash.written (n int8 primary key)`.execute(tx);
        await sql`create table crash.counted (n int8 primary key)`.execute(tx);
      },
    },
  ]);
}

/** Counts each message once, however often it is delivered, as consumers do: by what the message names. */
export async function countMessages(database: AnyDatabase, batch: readonly ReceivedMessage<number>[]): Promise<void> {
  await database.transaction(async (tx) => {
    for (const { value } of batch) await sql`insert into crash.counted (n) values (${value}) on conflict do nothing`.execute(tx);
  });
}
