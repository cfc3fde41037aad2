import { rewriteMessage, upgradeArchitectureSpec, within } from '@nat/convert';
import type { Migration } from '@nat/storage';
import { sql } from 'kysely';

/** The tables of the registry, in the PostgreSQL schema `registry`. */
export const registryMigrations: readonly Migration[] = [
  {
    id: '0001-architectures',
    up: async (tx) => {
      await sql`
        CREATE TABLE registry.architecture (
          uid bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          namespace text NOT NULL,
          id text NOT NULL,
          display_name text NOT NULL,
          labels jsonb NOT NULL,
          form jsonb NOT NULL,
          form_size bigint NOT NULL,
          identity text NOT NULL,
          params bigint NOT NULL,
          macs bigint NOT NULL,
          peak_activation_bytes bigint NOT NULL,
          parent_architecture text NOT NULL,
          revision bigint NOT NULL DEFAULT 1,
          create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          update_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          UNIQUE (namespace, id)
        )`.execute(tx);
      await sql`CREATE INDEX architecture_list ON registry.architecture (namespace, uid)`.execute(tx);
      await sql`CREATE INDEX architecture_identity ON registry.architecture (namespace, identity)`.execute(tx);
      await sql`CREATE INDEX architecture_parent ON registry.architecture (parent_architecture) WHERE parent_architecture <> ''`.execute(tx);
      await sql`CREATE INDEX architecture_labels ON registry.architecture USING gin (labels)`.execute(tx);
      await sql`
        CREATE TABLE registry.request (
          key text PRIMARY KEY,
          fingerprint text NOT NULL,
          response bytea,
          create_time timestamptz NOT NULL DEFAULT clock_timestamp()
        )`.execute(tx);
      await sql`CREATE INDEX request_age ON registry.request (create_time)`.execute(tx);
    },
  },
  {
    // Answers to a `request_id` are messages: the specs in them get the form that the contract has now, which versions before this one do not read.
    id: '0002-answers',
    kind: 'contract',
    up: async (tx) => {
      const { rows } = await sql<{ key: string; response: Uint8Array }>`SELECT key, response FROM registry.request WHERE response IS NOT NULL`.execute(tx);
      for (const { key, response } of rows) {
        const architecture = rewriteMessage(response, { 3: within(3, upgradeArchitectureSpec) });
        await sql`UPDATE registry.request SET response = ${architecture} WHERE key = ${key}`.execute(tx);
      }
    },
  },
];
