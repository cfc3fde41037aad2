import { sql } from 'kysely';
import type { AnyDatabase } from './database.ts';

/** Whether the database answers: what the health of a process that cannot do without it hangs on. */
export function isReachable(database: AnyDatabase): Promise<boolean> {
  return sql`SELECT 1`.execute(database.kysely).then(
    () => true,
    () => false,
  );
}
