import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { STORAGE_SCHEMA } from '../migrations/storage-migrations.ts';
import { findDestructive } from './expand-contract.ts';

const schemaOf = (statement: string, kind?: 'contract') => ({
  service: 'shop',
  migrations: [
    {
      id: '0001-a',
      ...(kind === undefined ? {} : { kind }),
      up: async (tx: Parameters<(typeof STORAGE_SCHEMA.migrations)[0]['up']>[0]) => {
        await sql.raw(statement).execute(tx);
      },
    },
  ],
});

describe('expand, then contract', () => {
  it.each([
    'DROP TABLE shop.item',
    'alter table shop.item drop column name',
    'ALTER TABLE shop.item ADD COLUMN a int, DROP name',
    'ALTER TABLE shop.item RENAME COLUMN name TO title',
    'ALTER TABLE "shop"."item" RENAME TO article',
    'ALTER TABLE shop.item ALTER COLUMN name SET NOT NULL',
    'ALTER TABLE shop.item ALTER name TYPE varchar(3)',
    'ALTER TABLE shop.item ADD COLUMN price numeric NOT NULL',
    'ALTER TABLE shop.item ALTER COLUMN name DROP DEFAULT',
    'TRUNCATE shop.item',
    'DELETE FROM shop.item WHERE old',
  ])('finds what takes away: %s', async (statement) => {
    expect(await findDestructive(schemaOf(statement))).toMatchObject([{ migration: 'shop/0001-a', statement: statement.replaceAll('"', '') }]);
    expect(await findDestructive(schemaOf(statement, 'contract'))).toEqual([]);
  });

  it.each([
    'CREATE TABLE shop.item (id bigint PRIMARY KEY, name text NOT NULL)',
    "ALTER TABLE shop.item ADD COLUMN a text NOT NULL DEFAULT '', ADD COLUMN b int",
    'ALTER TABLE shop.item DROP CONSTRAINT item_check, ADD CONSTRAINT item_check CHECK (true)',
    'ALTER TABLE shop.item ALTER COLUMN name DROP NOT NULL',
    'CREATE INDEX item_name ON shop.item (name)',
    'DROP INDEX shop.item_name',
    'UPDATE shop.item SET a = name',
  ])('leaves what adds: %s', async (statement) => {
    expect(await findDestructive(schemaOf(statement))).toEqual([]);
  });

  it('holds for the tables of this package', async () => {
    expect(await findDestructive(STORAGE_SCHEMA)).toEqual([]);
  });
});
