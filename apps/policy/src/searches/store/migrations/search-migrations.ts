import type { Migration } from '@nat/storage';
import { sql } from 'kysely';
import { candidates } from './candidates.ts';
import { nestedSpec } from './nested-spec.ts';
import { oneLoop } from './one-loop.ts';

/** Searches and operations, in the PostgreSQL schema `policy`; they run after the migrations of policies. */
export const searchMigrations: readonly Migration[] = [
  {
    id: '0002-searches',
    up: async (tx) => {
      await sql`
        CREATE TABLE policy.search (
          ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          namespace text NOT NULL,
          search_id text NOT NULL,
          spec jsonb NOT NULL,
          state text NOT NULL DEFAULT 'RUNNING' CHECK (state IN ('RUNNING', 'PAUSED', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
          step integer NOT NULL DEFAULT 0,
          pairs bigint NOT NULL DEFAULT 0,
          failed_pairs bigint NOT NULL DEFAULT 0,
          learner_state text NOT NULL DEFAULT '',
          weights text NOT NULL DEFAULT '',
          policy_sha256 text NOT NULL DEFAULT '',
          error_message text NOT NULL DEFAULT '',
          forked_from text NOT NULL DEFAULT '',
          owner text,
          lease_expires_at timestamptz,
          owner_epoch bigint NOT NULL DEFAULT 0,
          metrics_step integer NOT NULL DEFAULT 0,
          revision bigint NOT NULL DEFAULT 1,
          create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          update_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          end_time timestamptz,
          UNIQUE (namespace, search_id)
        )`.execute(tx);
      await sql`CREATE INDEX search_running ON policy.search (ordinal) WHERE state = 'RUNNING'`.execute(tx);
      await sql`
        CREATE TABLE policy.operation (
          ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          namespace text NOT NULL,
          operation_id text NOT NULL,
          request bytea NOT NULL,
          policy_version text NOT NULL,
          candidates integer NOT NULL DEFAULT 0,
          evaluated integer NOT NULL DEFAULT 0,
          done boolean NOT NULL DEFAULT false,
          error bytea,
          response bytea,
          owner text,
          lease_expires_at timestamptz,
          owner_epoch bigint NOT NULL DEFAULT 0,
          create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          UNIQUE (namespace, operation_id)
        )`.execute(tx);
      await sql`CREATE INDEX operation_open ON policy.operation (ordinal) WHERE NOT done`.execute(tx);
      await sql`
        CREATE TABLE policy.round (
          ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          search bigint REFERENCES policy.search (ordinal),
          step integer,
          operation bigint UNIQUE REFERENCES policy.operation (ordinal) ON DELETE CASCADE,
          UNIQUE (search, step),
          CHECK ((search IS NULL) = (step IS NULL) AND (search IS NULL) <> (operation IS NULL))
        )`.execute(tx);
      await sql`
        CREATE TABLE policy.trial (
          round bigint NOT NULL REFERENCES policy.round (ordinal) ON DELETE CASCADE,
          index integer NOT NULL,
          source text NOT NULL,
          actions bytea NOT NULL,
          result text NOT NULL,
          greedy_result text,
          greedy_pair integer,
          log_prob float8 NOT NULL,
          PRIMARY KEY (round, index)
        )`.execute(tx);
      await sql`
        CREATE TABLE policy.evaluation (
          name text PRIMARY KEY,
          round bigint NOT NULL REFERENCES policy.round (ordinal) ON DELETE CASCADE,
          position integer NOT NULL,
          kind text NOT NULL CHECK (kind IN ('weights', 'pairs')),
          first_pair integer NOT NULL,
          pairs integer NOT NULL,
          state text NOT NULL DEFAULT 'PENDING' CHECK (state IN ('PENDING', 'SUCCEEDED', 'FAILED')),
          failure text NOT NULL DEFAULT '',
          weights text NOT NULL DEFAULT '',
          create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          UNIQUE (round, position)
        )`.execute(tx);
      await sql`
        CREATE TABLE policy.outcome (
          round bigint NOT NULL REFERENCES policy.round (ordinal) ON DELETE CASCADE,
          pair integer NOT NULL,
          source_value float8 NOT NULL,
          result_value float8 NOT NULL,
          failure text,
          PRIMARY KEY (round, pair)
        )`.execute(tx);
      await sql`
        CREATE TABLE policy.step (
          search bigint NOT NULL REFERENCES policy.search (ordinal),
          step integer NOT NULL,
          pairs integer NOT NULL,
          failed_pairs integer NOT NULL,
          mean_reward float8 NOT NULL,
          mean_greedy_reward float8 NOT NULL,
          baseline float8 NOT NULL,
          entropy float8 NOT NULL,
          loss float8 NOT NULL,
          gradient_norm float8 NOT NULL,
          source_accuracy float8,
          create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          PRIMARY KEY (search, step)
        )`.execute(tx);
    },
  },
  {
    id: '0003-shared-weights',
    up: async (tx) => {
      await sql`
        ALTER TABLE policy.evaluation
          DROP CONSTRAINT evaluation_kind_check,
          ADD CONSTRAINT evaluation_kind_check CHECK (kind IN ('weights', 'average', 'pairs')),
          ADD COLUMN metrics jsonb NOT NULL DEFAULT '{}'`.execute(tx);
      await sql`
        ALTER TABLE policy.search
          ADD COLUMN weight_rounds integer NOT NULL DEFAULT 0,
          ADD COLUMN held_out jsonb`.execute(tx);
      await sql`
        ALTER TABLE policy.step
          ADD COLUMN result_accuracy float8,
          ADD COLUMN train_loss float8,
          ADD COLUMN train_accuracy float8,
          ADD COLUMN weight_rounds integer NOT NULL DEFAULT 0,
          ADD COLUMN epoch integer NOT NULL DEFAULT 0,
          ADD COLUMN evaluations integer NOT NULL DEFAULT 0`.execute(tx);
    },
  },
  {
    id: '0004-rewards',
    up: async (tx) => {
      await sql`ALTER TABLE policy.search ADD COLUMN rewards bigint NOT NULL DEFAULT 0`.execute(tx);
      await sql`ALTER TABLE policy.step ADD COLUMN rewards integer NOT NULL DEFAULT 0`.execute(tx);
      // Until now pairs were the trials.
      await sql`UPDATE policy.search SET rewards = pairs`.execute(tx);
      await sql`UPDATE policy.step SET rewards = pairs`.execute(tx);
    },
  },
  {
    id: '0005-asynchronous',
    up: async (tx) => {
      await sql`
        ALTER TABLE policy.round
          ADD COLUMN policy_step integer,
          ADD COLUMN learned_step integer,
          ADD COLUMN dropped text,
          ADD CONSTRAINT round_fate_check CHECK (num_nonnulls(learned_step, dropped) <= 1)`.execute(tx);
      // A step consumes one round.
      await sql`CREATE UNIQUE INDEX round_learned ON policy.round (search, learned_step) WHERE learned_step IS NOT NULL`.execute(tx);
      await sql`CREATE INDEX round_open ON policy.round (search) WHERE policy_step IS NOT NULL AND learned_step IS NULL AND dropped IS NULL`.execute(tx);
      await sql`ALTER TABLE policy.search ADD COLUMN dropped_trials bigint NOT NULL DEFAULT 0`.execute(tx);
      await sql`
        ALTER TABLE policy.step
          ADD COLUMN round integer,
          ADD COLUMN staleness integer,
          ADD COLUMN mean_weight float8,
          ADD COLUMN clipped_share float8,
          ADD COLUMN dropped_trials integer`.execute(tx);
    },
  },
  {
    id: '0006-traceparent',
    up: async (tx) => {
      await sql`ALTER TABLE policy.search ADD COLUMN traceparent text`.execute(tx);
      await sql`ALTER TABLE policy.operation ADD COLUMN traceparent text`.execute(tx);
    },
  },
  oneLoop,
  candidates,
  nestedSpec,
];
