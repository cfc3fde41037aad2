import { sql } from 'kysely';
import type { AnyDatabase } from '../database/database.ts';
import type { DeadLetter } from '../stream/stream.ts';

/** The messages of a topic that were set aside, oldest first. */
export async function readDeadLetters(database: AnyDatabase, topic: string, limit = 100): Promise<readonly DeadLetter[]> {
  const { rows } = await sql<DeadLetter>`select topic, consumer_group as "group", id, key, payload, reason from storage.dead_letter
    where topic = ${topic} order by received_at, id limit ${limit}::int8`.execute(database.kysely);
  return rows;
}
