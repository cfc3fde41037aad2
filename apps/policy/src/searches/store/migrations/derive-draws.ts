import type { Migration } from '@nat/storage';
import { sql } from 'kysely';

/** Operations that were accepted by an earlier version have evaluations of what that version draws. */
export const deriveDraws: Migration = {
  id: '0013-derive-draws',
  up: async (tx) => {
    await sql`ALTER TABLE policy.operation ADD COLUMN draws text NOT NULL DEFAULT 'edge-by-edge'`.execute(tx);
  },
};
