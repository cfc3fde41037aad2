import pg from 'pg';

/** Runs a statement on the PostgreSQL of the test run, such as one that makes a database. */
export async function onTestPostgres(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: process.env['NAT_TEST_POSTGRES'] });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
