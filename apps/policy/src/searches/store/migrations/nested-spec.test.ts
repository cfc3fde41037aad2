/**
 * Searches as the version before stored them. stored-specs.json was written by that version: specifications with its defaults, and what it made of them for
 * the learner and the supernet.
 */
import { readFileSync } from 'node:fs';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { rpc, search as wire } from '@nat/contracts';
import { epochOf, sessionSpecOf, weightRoundsOf } from '@nat/nat';
import { migrate, migrateStorage } from '@nat/storage';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POLICY_MIGRATIONS } from '../../../migrations.ts';
import { supernetOf } from '../../evaluation/evaluation-requests.ts';
import { findSearch } from '../search-store.ts';
import { searchToWire } from '../search-wire.ts';
import { readEffectiveSpec } from '../stored-spec.ts';
import type { SearchTables } from '../tables.ts';
import { nestedSpec, nestRequest, nestSpec } from './nested-spec.ts';

type Members = Readonly<Record<string, unknown>>;

interface StoredSpec {
  readonly stored: Members;
  readonly session: Members & { readonly hyperparameters: Members };
  readonly supernet?: Members;
  readonly firstRounds?: readonly unknown[];
}

const specs = JSON.parse(readFileSync(new URL('./stored-specs.json', import.meta.url), 'utf8')) as readonly StoredSpec[];
/** What is called `official` now, in specifications of learner and supernet. */
const renamed = (text: string): string => text.replaceAll('"parity"', '"official"').replaceAll('_PARITY', '_OFFICIAL');

/** The kind of a supernet was texts and its optimizer fields of its own. */
function supernetOfToday({ wiring, primitives, block, learningRate, momentum, weightDecay, clipNorm, ...same }: Members): Members {
  return {
    ...same,
    wiring: `WIRING_${String(wiring)}`,
    scheme: primitives === 'nat++' ? 'SCHEME_NAT_PLUS_PLUS' : 'SCHEME_NAT',
    block: block === '' ? undefined : block,
    optimizer: { learningRate, momentum, weightDecay, clipNorm },
  };
}

describe('a stored specification', () => {
  it.each(
    specs.map((one) => [`${String(one.stored['evaluator'])} rewards, ${String(one.stored['space'])}, preset ${String(one.stored['preset'])}`, one] as const),
  )('of %s asks the same of the learner and of the evaluator as before', (_, { stored, session, supernet, firstRounds }) => {
    const spec = readEffectiveSpec({ effective_spec: nestSpec(stored) });
    // Defaults that were left to the learner are stated now.
    const before = { roundsInFlight: 1, ...session, hyperparameters: { epsilon: 1e-8, importanceClip: 2, ...session.hyperparameters } };
    expect(sessionSpecOf(spec)).toEqual(JSON.parse(renamed(JSON.stringify(before))));
    expect(spec.priority).toBe(stored['priority'] ?? 0);
    expect(spec.reward.candidatesPerEvaluation).toBe(stored['pairsPerEvaluation']);
    if (spec.reward.kind === 'shared-weights') {
      const now = supernetOf(spec, spec.reward, epochOf(spec.reward, spec.learner.steps));
      expect(now).toEqual(supernetOfToday(JSON.parse(renamed(JSON.stringify(supernet))) as Members));
      expect(weightRoundsOf(spec, 1).slice(0, 5)).toEqual(firstRounds);
      expect(spec.heldOutComparison).toEqual({ sources: stored['heldOutSources'], images: stored['heldOutImages'] ?? 0 });
    }
    if (spec.reward.kind === 'from-scratch') expect(spec.reward).toMatchObject({ steps: 40, timeMs: 90_500, imageBatch: 32, dataset: 'cifar10' });
    if (spec.reward.kind === 'tabular') expect(spec.reward.column).toBe(stored['reward']);
  });
});

/** A DeriveArchitectureRequest as the version before encoded it. */
function oldRequest(
  evaluator: string,
  fields: { readonly reward?: string; readonly dataset?: string; readonly childEpochs?: number; readonly search?: string },
): Uint8Array {
  const writer = new BinaryWriter();
  const text = (field: number, value: string | undefined): void => {
    if (value !== undefined) writer.tag(field, WireType.LengthDelimited).string(value);
  };
  text(1, 'namespaces/default');
  text(3, 'namespaces/default/policies/nat/versions/1');
  writer.tag(4, WireType.Varint).uint32(7);
  writer.tag(5, WireType.Varint).uint64(9);
  text(8, evaluator);
  text(9, fields.reward);
  text(10, fields.dataset);
  if (fields.childEpochs !== undefined) writer.tag(11, WireType.Varint).uint32(fields.childEpochs);
  text(12, 'r');
  text(13, fields.search);
  return writer.finish();
}

describe('a stored request to derive an architecture', () => {
  it.each([
    ['tabular', { reward: 'c10_valid_12' }, { $case: 'tabular', value: { column: 'c10_valid_12' } }],
    [
      'shared-weights',
      { search: 'namespaces/default/searches/s', dataset: 'mnist' },
      { $case: 'sharedWeights', value: { search: 'namespaces/default/searches/s' } },
    ],
    ['from-scratch', { dataset: 'cifar10', childEpochs: 3 }, { $case: 'fromScratch', value: { dataset: 'cifar10', epochs: 3 } }],
  ] as const)('by %s is the same in the new form', (evaluator, fields, expected) => {
    const request = wire.DeriveArchitectureRequest.decode(nestRequest(oldRequest(evaluator, fields)));
    expect(request).toMatchObject({ parent: 'namespaces/default', samples: 7, seed: 9, requestId: 'r', policy: 'namespaces/default/policies/nat/versions/1' });
    expect(request.evaluator).toEqual(expected);
  });
});

describe.each(testDatabases)('migration 0011 on $title', ({ skip, open }) => {
  if (skip) {
    it.skip('needs a server');
    return;
  }
  let home: TestDatabase;
  beforeAll(async () => {
    home = await open();
    await migrateStorage(home.database);
    await migrate(home.database, 'policy', POLICY_MIGRATIONS.slice(0, POLICY_MIGRATIONS.indexOf(nestedSpec)));
  });
  afterAll(() => home.dispose());

  it('converts what is stored, and keeps nothing that cannot be read any more', async () => {
    const { kysely } = home.database;
    const spec = JSON.stringify(specs[1]!.stored);
    await sql`INSERT INTO policy.search (namespace, search_id, spec, state, error_message) VALUES
      ('default', 'running', ${spec}::jsonb, 'RUNNING', ''), ('default', 'failed', ${spec}::jsonb, 'FAILED', 'no luck')`.execute(kysely);
    await sql`INSERT INTO policy.operation (namespace, operation_id, request, policy_version)
      VALUES ('default', 'o', ${oldRequest('tabular', { reward: 'c10_valid_12' })}, 'v')`.execute(kysely);
    await sql`INSERT INTO policy.request (key, fingerprint, response) VALUES
      ('CreateSearch:namespaces/default:r', 'f', ''::bytea), ('ImportPolicy:namespaces/default:r', 'f', ''::bytea)`.execute(kysely);

    expect(await migrate(home.database, 'policy', POLICY_MIGRATIONS)).toContain(nestedSpec.id);

    const tables = home.database.as<SearchTables>().kysely;
    const running = searchToWire(await findSearch(tables, 'default', 'running'));
    expect(running.error).toBeUndefined();
    expect(running.spec).toMatchObject({
      sources: { kind: { value: 'SPACE_NASBENCH201' } },
      learner: { steps: 9, batch: 4 },
      seed: 7,
      preset: 'PRESET_TABULAR',
    });
    // What was given is not known any more; what was left to the learner is shown all the same.
    expect(running.effectiveSpec).toMatchObject({
      learner: { steps: 9, adam: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } },
      pipelining: { roundsInFlight: 3, maxStaleness: 5, importanceClip: 1.5 },
    });
    const failed = searchToWire(await findSearch(tables, 'default', 'failed'));
    expect(failed.error).toEqual(rpc.Status.create({ code: 2, message: 'no luck' }));
    const { request } = await tables.selectFrom('policy.operation').select('request').executeTakeFirstOrThrow();
    expect(wire.DeriveArchitectureRequest.decode(request).evaluator).toEqual({ $case: 'tabular', value: { column: 'c10_valid_12' } });
    const requests = await sql<{ key: string }>`SELECT key FROM policy.request`.execute(kysely);
    expect(requests.rows.map(({ key }) => key)).toEqual(['ImportPolicy:namespaces/default:r']);
  });
});
