import type { Migration } from '@nat/storage';
import { sql } from 'kysely';
import { convertPairs } from './convert-pairs.ts';

/** The tables of the coordinator, in the PostgreSQL schema `evaluator`. */
export const evaluatorMigrations: readonly Migration[] = [
  {
    id: '0001-queue',
    up: async (tx) => {
      await sql`
        CREATE TABLE evaluator.evaluation (
          ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          name text NOT NULL UNIQUE,
          namespace text NOT NULL,
          kind text NOT NULL,
          search text NOT NULL,
          priority integer NOT NULL,
          required jsonb NOT NULL,
          max_attempts integer NOT NULL CHECK (max_attempts >= 1),
          spec bytea NOT NULL,
          spec_bytes integer NOT NULL,
          spec_sha256 text NOT NULL,
          pairs integer NOT NULL,
          pairs_sha256 text NOT NULL,
          resume_from text NOT NULL,
          state text NOT NULL DEFAULT 'QUEUED' CHECK (state IN ('QUEUED', 'LEASED', 'SUCCEEDED', 'FAILED', 'POISONED', 'CANCELLED')),
          attempt integer NOT NULL DEFAULT 0,
          released integer NOT NULL DEFAULT 0,
          token bigint NOT NULL DEFAULT 0,
          settled_token bigint NOT NULL DEFAULT 0,
          worker text NOT NULL DEFAULT '',
          lease_expire_time timestamptz,
          not_before timestamptz,
          last_error text NOT NULL DEFAULT '',
          queue_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          start_time timestamptz,
          end_time timestamptz,
          outcome bytea,
          outcome_sha256 text,
          observations bigint NOT NULL DEFAULT 0,
          CHECK ((state = 'LEASED') = (lease_expire_time IS NOT NULL)),
          CHECK ((state IN ('QUEUED', 'LEASED')) = (outcome IS NULL))
        )`.execute(tx);
      await sql`CREATE INDEX evaluation_queue ON evaluator.evaluation (priority DESC, ordinal) WHERE state = 'QUEUED'`.execute(tx);
      await sql`CREATE INDEX evaluation_leases ON evaluator.evaluation (lease_expire_time) WHERE state = 'LEASED'`.execute(tx);
      await sql`CREATE INDEX evaluation_of_worker ON evaluator.evaluation (worker) WHERE state = 'LEASED'`.execute(tx);
      await sql`CREATE INDEX evaluation_list ON evaluator.evaluation (namespace, ordinal)`.execute(tx);
      await sql`CREATE INDEX evaluation_search ON evaluator.evaluation (search, ordinal) WHERE search <> ''`.execute(tx);
      // Rows are leased and finalized soon after they are made, and stay the same after that.
      await sql`ALTER TABLE evaluator.evaluation SET (fillfactor = 80)`.execute(tx);
      await sql`
        CREATE TABLE evaluator.observation (
          ordinal bigint NOT NULL REFERENCES evaluator.evaluation (ordinal) ON DELETE CASCADE,
          token bigint NOT NULL,
          sequence bigint NOT NULL,
          attempt integer NOT NULL,
          metric text NOT NULL,
          value double precision NOT NULL,
          step bigint NOT NULL,
          time timestamptz NOT NULL,
          pair_id text NOT NULL,
          PRIMARY KEY (ordinal, token, sequence)
        )`.execute(tx);
      await sql`
        CREATE TABLE evaluator.worker (
          id text PRIMARY KEY,
          instance text NOT NULL,
          capabilities jsonb NOT NULL,
          kinds text[] NOT NULL,
          register_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          seen_time timestamptz NOT NULL DEFAULT clock_timestamp()
        )`.execute(tx);
    },
  },
  {
    id: '0002-references',
    up: async (tx) => {
      await sql`
        ALTER TABLE evaluator.evaluation
          ADD COLUMN blobs jsonb,
          ADD COLUMN checkpoint_blobs jsonb NOT NULL DEFAULT '[]'`.execute(tx);
      await sql`CREATE INDEX evaluation_ended ON evaluator.evaluation (end_time) WHERE end_time IS NOT NULL`.execute(tx);
    },
  },
  {
    id: '0003-fair-shares',
    up: async (tx) => {
      await sql`ALTER TABLE evaluator.evaluation ADD COLUMN turn bigint NOT NULL DEFAULT 0`.execute(tx);
      await sql`CREATE INDEX evaluation_turn ON evaluator.evaluation (priority DESC, turn, ordinal) WHERE state = 'QUEUED'`.execute(tx);
      await sql`CREATE INDEX evaluation_share ON evaluator.evaluation (search, priority, turn) WHERE state = 'QUEUED'`.execute(tx);
    },
  },
  {
    id: '0004-traceparent',
    up: async (tx) => {
      await sql`ALTER TABLE evaluator.evaluation ADD COLUMN traceparent text`.execute(tx);
    },
  },
  {
    id: '0005-warm-weights',
    up: async (tx) => {
      await sql`ALTER TABLE evaluator.evaluation ADD COLUMN weights text`.execute(tx);
      await sql`
        CREATE INDEX evaluation_warm ON evaluator.evaluation (weights, priority, turn, ordinal)
          WHERE state = 'QUEUED' AND weights IS NOT NULL`.execute(tx);
    },
  },
  {
    // Takes away the pairs that the version before stored: rows are rewritten, and columns renamed.
    id: '0006-candidates',
    kind: 'contract',
    up: async (tx) => {
      await sql`ALTER TABLE evaluator.evaluation RENAME COLUMN pairs TO candidates`.execute(tx);
      await sql`ALTER TABLE evaluator.evaluation RENAME COLUMN pairs_sha256 TO candidates_sha256`.execute(tx);
      await sql`ALTER TABLE evaluator.evaluation RENAME COLUMN turn TO start_tag`.execute(tx);
      await sql`ALTER TABLE evaluator.observation RENAME COLUMN pair_id TO candidate_id`.execute(tx);
      await sql`ALTER TABLE evaluator.evaluation DROP COLUMN last_error, ADD COLUMN last_status bytea`.execute(tx);
      await convertPairs(tx);
      await sql`ALTER TABLE evaluator.evaluation ALTER COLUMN blobs SET NOT NULL`.execute(tx);
    },
  },
];
