/** Finds statements that the version before could not live with: they belong into a migration of kind `contract`, a release later. */
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, type CompiledQuery } from 'kysely';
import type { AnyTransaction } from '../database/database.ts';
import type { ServiceSchema } from '../migrations/migrate.ts';

const RULES: readonly (readonly [RegExp, string])[] = [
  [/\bDROP (TABLE|SCHEMA|VIEW|TYPE|COLUMN|MATERIALIZED|FUNCTION|TRIGGER|DEFAULT)\b/i, 'drops what may still be used'],
  // DROP name without COLUMN; what is loosened may be dropped.
  [/\bALTER TABLE [^;]*\bDROP (?!CONSTRAINT\b|COLUMN\b|NOT NULL\b|DEFAULT\b|EXPRESSION\b|IDENTITY\b)/i, 'drops a column'],
  [/\bRENAME\b/i, 'renames what may still be used'],
  [/\bTRUNCATE\b/i, 'deletes rows'],
  [/\bDELETE FROM\b/i, 'deletes rows'],
  [/\bSET NOT NULL\b/i, 'refuses rows that are still written without the column'],
  [/\bALTER (COLUMN )?\w+ (SET DATA )?TYPE\b/i, 'changes the type of a column'],
  [/\bADD (COLUMN )?(IF NOT EXISTS )?(?!CONSTRAINT\b)\w+ [^,;]*\bNOT NULL\b(?![^,;]*\b(DEFAULT|GENERATED)\b)/i, 'adds a column that inserts must know'],
];

export interface Destructive {
  /** `service/id` */
  readonly migration: string;
  readonly statement: string;
  readonly why: string;
}

/** What the migrations of kind `expand` would take away. They are run without a database: their statements are only recorded. */
export async function findDestructive({ service, migrations }: ServiceSchema): Promise<readonly Destructive[]> {
  const found: Destructive[] = [];
  for (const { id, kind, up } of migrations) {
    if (kind === 'contract') continue;
    for (const statement of await statementsOf(up)) {
      for (const [rule, why] of RULES) if (rule.test(statement)) found.push({ migration: `${service}/${id}`, statement, why });
    }
  }
  return found;
}

async function statementsOf(up: (tx: AnyTransaction) => Promise<void>): Promise<readonly string[]> {
  const queries: CompiledQuery[] = [];
  const recorder = new Kysely<unknown>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
    log: ({ query }) => {
      queries.push(query);
    },
  });
  await recorder.transaction().execute((tx) => up(tx));
  return queries.map(({ sql: text }) => text.replaceAll('"', '').replaceAll(/\s+/g, ' ').trim());
}
