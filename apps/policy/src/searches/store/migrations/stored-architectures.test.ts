/** Operations as the version before stored them, after the migration that rewrites the architectures in them. */
import { readFileSync } from 'node:fs';
import { zooArchitecture } from '@nat/cells';
import { search as wire } from '@nat/contracts';
import { architectureFromRef, architectureFromSpec, placementFromWire } from '@nat/convert';
import { migrate, migrateStorage } from '@nat/storage';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POLICY_MIGRATIONS } from '../../../migrations.ts';
import { storedArchitectures } from './stored-architectures.ts';

const stored = JSON.parse(readFileSync(new URL('../../../../../../fixtures/messages/architectures-2dfdfcc.json', import.meta.url), 'utf8')) as Readonly<
  Record<'deriveRequest' | 'deriveResult', string>
>;
const bytesOf = (base64: string): Uint8Array => Buffer.from(base64, 'base64');

describe.each(testDatabases)('migration 0009 on $title', ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let home: TestDatabase;
  beforeAll(async () => {
    home = await open();
    await migrateStorage(home.database);
    const at = POLICY_MIGRATIONS.indexOf(storedArchitectures);
    await migrate(home.database, 'policy', POLICY_MIGRATIONS.slice(0, at));
    const { kysely } = home.database;
    for (const [id, response] of [
      ['open', null],
      ['done', bytesOf(stored.deriveResult)],
    ] as const) {
      await sql`INSERT INTO policy.operation (namespace, operation_id, request, policy_version, response)
        VALUES ('default', ${id}, ${bytesOf(stored.deriveRequest)}, 'namespaces/default/policies/nat/versions/1', ${response})`.execute(kysely);
    }
    // What it writes is read by those after it.
    expect(await migrate(home.database, 'policy', POLICY_MIGRATIONS)).toContain(storedArchitectures.id);
  });
  afterAll(() => home.dispose());

  it('keeps requests and results of operations', async () => {
    const { rows } = await sql<{ request: Uint8Array; response: Uint8Array | null }>`SELECT request, response FROM policy.operation ORDER BY ordinal`.execute(
      home.database.kysely,
    );
    for (const { request } of rows) {
      const { source, placement, ...rest } = wire.DeriveArchitectureRequest.decode(request);
      expect(architectureFromRef(source, 'source')).toEqual(zooArchitecture('resnet20'));
      expect(placementFromWire(placement)).toEqual({ network: 'evaluation', channels: 16, layers: 8, imageSize: 48, classes: 100 });
      expect(rest).toMatchObject({ parent: 'namespaces/default', samples: 10, seed: 7, bounds: { maxParams: 200_000 } });
      expect(rest.evaluator).toMatchObject({ value: { dataset: 'cifar10' } });
    }
    expect(rows.map(({ response }) => response === null)).toEqual([true, false]);
    const { source, result, ...values } = wire.DeriveResult.decode(rows[1]!.response!);
    for (const side of [source, result]) expect(architectureFromSpec(side!.spec!, 'spec', 'resnet20')).toEqual(zooArchitecture('resnet20'));
    expect(result).toMatchObject({ logProb: -1.5, certificate: { holds: true, result: { params: 1 }, bounds: { maxParams: 200_000 } } });
    expect(values).toMatchObject({ sourceValue: 0.5, resultValue: 0.625 });
  });
});
