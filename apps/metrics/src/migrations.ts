import type { Migration } from '@nat/storage';
import { sql } from 'kysely';

/** The tables of the metrics service, in the PostgreSQL schema `metrics`. */
export const metricsMigrations: readonly Migration[] = [
  {
    id: '0001-series',
    up: async (tx) => {
      await sql`
        CREATE TABLE metrics.run (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          name text NOT NULL UNIQUE,
          namespace text NOT NULL,
          position bigint NOT NULL DEFAULT 0,
          create_time timestamptz NOT NULL DEFAULT clock_timestamp(),
          update_time timestamptz NOT NULL DEFAULT clock_timestamp()
        )`.execute(tx);
      await sql`CREATE INDEX run_list ON metrics.run (namespace, id DESC)`.execute(tx);
      await sql`
        CREATE TABLE metrics.point (
          run bigint NOT NULL REFERENCES metrics.run (id) ON DELETE CASCADE,
          metric text NOT NULL,
          step bigint NOT NULL,
          value double precision NOT NULL,
          time timestamptz NOT NULL,
          position bigint NOT NULL,
          PRIMARY KEY (run, metric, step)
        )`.execute(tx);
      await sql`CREATE UNIQUE INDEX point_position ON metrics.point (run, position)`.execute(tx);
      await sql`
        CREATE TABLE metrics.series (
          run bigint NOT NULL REFERENCES metrics.run (id) ON DELETE CASCADE,
          metric text NOT NULL,
          count bigint NOT NULL,
          last_step bigint NOT NULL,
          last_value double precision NOT NULL,
          last_time timestamptz NOT NULL,
          min_value double precision NOT NULL,
          max_value double precision NOT NULL,
          PRIMARY KEY (run, metric)
        )`.execute(tx);
    },
  },
];
