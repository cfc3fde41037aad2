import type { Migration } from '@nat/storage';
import { sql } from 'kysely';

/** Policies and their versions, in the PostgreSQL schema `policy`. Checkpoints are blobs; a version's sha256 is its blob's key. */
export const policyMigrations: readonly Migration[] = [
  {
    id: '0001-policies',
    up: async (tx) => {
      await sql`
        CREATE TABLE policy.policy (
          ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          namespace text NOT NULL,
          policy_id text NOT NULL,
          display_name text NOT NULL DEFAULT '',
          encoder text NOT NULL CHECK (encoder IN ('pair', 'edge')),
          scheme text NOT NULL CHECK (scheme IN ('nat', 'nat++')),
          search text NOT NULL DEFAULT '',
          description text NOT NULL DEFAULT '',
          default_version integer NOT NULL,
          revision bigint NOT NULL DEFAULT 1,
          create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          UNIQUE (namespace, policy_id)
        )`.execute(tx);
      await sql`
        CREATE TABLE policy.version (
          policy bigint NOT NULL REFERENCES policy.policy (ordinal) ON DELETE CASCADE,
          version integer NOT NULL CHECK (version >= 1),
          step bigint NOT NULL,
          sha256 text NOT NULL,
          size_bytes bigint NOT NULL,
          create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          PRIMARY KEY (policy, version)
        )`.execute(tx);
      await sql`
        CREATE TABLE policy.request (
          key text PRIMARY KEY,
          fingerprint text NOT NULL,
          response bytea,
          create_time timestamptz NOT NULL DEFAULT clock_timestamp()
        )`.execute(tx);
    },
  },
];

/** Numbers of versions are not given twice, so the highest that was deleted is kept. */
export const deletedVersions: Migration = {
  id: '0008-deleted-versions',
  up: async (tx) => {
    await sql`ALTER TABLE policy.policy ADD COLUMN last_version integer NOT NULL DEFAULT 0`.execute(tx);
  },
};

/** Where policies were learned. Descriptions of those that searches learned say it: `learned in N steps of B trials (once: pairs) from SPACE, rewarded by ...`. */
export const learnedSpaces: Migration = {
  id: '0012-learned-spaces',
  up: async (tx) => {
    await sql`ALTER TABLE policy.policy ADD COLUMN space text NOT NULL DEFAULT ''`.execute(tx);
    await sql`
      UPDATE policy.policy SET space = coalesce(substring(description from '(?:trials|pairs) from ([^ ,]+), rewarded by'), '') WHERE search <> ''`.execute(tx);
  },
};
