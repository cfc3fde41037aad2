import { readFileSync } from 'node:fs';
import { zooArchitecture } from '@nat/cells';
import { architecture as wire } from '@nat/contracts';
import { architectureFromSpec } from '@nat/convert';
import { migrate } from '@nat/storage';
import { findDestructive, testDatabases } from '@nat/storage/testing';
import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { REGISTRY_SCHEMAS } from './compose.ts';
import { registryMigrations } from './migrations.ts';

it.each(REGISTRY_SCHEMAS)('the migrations of $service take nothing away that the version before used', async (schema) => {
  expect(await findDestructive(schema)).toEqual([]);
});

for (const { title, skip, open } of testDatabases) {
  it.skipIf(skip)(`answers that an earlier version stored are read, on ${title}`, async () => {
    const path = new URL('../../../fixtures/messages/architectures-2dfdfcc.json', import.meta.url);
    const { architecture } = JSON.parse(readFileSync(path, 'utf8')) as { readonly architecture: string };
    await using stack = new AsyncDisposableStack();
    const { database, dispose } = await open();
    stack.defer(dispose);
    await migrate(database, 'registry', registryMigrations.slice(0, 1));
    await sql`INSERT INTO registry.request (key, fingerprint, response)
      VALUES ('a', 'f', ${Buffer.from(architecture, 'base64')}), ('b', 'f', NULL)`.execute(database.kysely);
    expect(await migrate(database, 'registry', registryMigrations.slice(0, 2))).toEqual(['0002-answers']);
    const { rows } = await sql<{ response: Uint8Array | null }>`SELECT response FROM registry.request ORDER BY key`.execute(database.kysely);
    const { spec, ...rest } = wire.Architecture.decode(rows[0]!.response!);
    expect(architectureFromSpec(spec!, 'spec', 'mobilenet_v2')).toEqual(zooArchitecture('mobilenet_v2'));
    expect(rest).toMatchObject({
      name: 'namespaces/default/architectures/mine',
      labels: { a: 'b' },
      etag: '"1"',
      createTime: new Date('2026-01-02T03:04:05Z'),
    });
    expect(rows[1]!.response).toBeNull();
  });
}
