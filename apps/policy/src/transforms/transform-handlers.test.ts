import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { architectureCost, listZoo, officialSpace, readGenotype, zooArchitecture } from '@nat/cells';
import { type architecture as architectureWire, policy as policyWire, transform as wire } from '@nat/contracts';
import { EDGE_POLICY, createCheckpoint, officialGcnPolicy, serializeCheckpoint } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import { architectureFromSpec } from '@nat/convert';
import { bindService, createChannelTo, createLogger, createServer, openClients, statusToDomainError, type PlatformClients } from '@nat/service';
import { migrate, openEmbedded, openFolderBlobStore, type EmbeddedDatabase } from '@nat/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadBundledPolicies } from '../policies/bundled.ts';
import { deletedVersions, learnedSpaces, policyMigrations } from '../policies/migrations.ts';
import { createPolicyHandlers } from '../policies/policy-handlers.ts';
import { PolicyLibrary } from '../policies/policy-library.ts';
import type { PolicyTables } from '../policies/tables.ts';
import { createTransformHandlers } from './transform-handlers.ts';

const parent = 'namespaces/default';
const zoo = (value: string) => ({ ref: { $case: 'zoo' as const, value } });

/** Who needs a policy or a version of it. */
const inUse = new Map<string, string>();

describe('transforms and policies over gRPC', () => {
  let folder: string;
  let embedded: EmbeddedDatabase;
  let clients: PlatformClients;
  let close: () => Promise<void>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nat-policy-'));
    embedded = await openEmbedded(join(folder, 'db'));
    const database = embedded.database.as<PolicyTables>();
    await migrate(database, 'policy', [...policyMigrations, deletedVersions, learnedSpaces]);
    const blobs = await openFolderBlobStore(join(folder, 'blobs'));
    const bundled = await loadBundledPolicies();
    const library = new PolicyLibrary({ database, blobs, bundled });
    const server = createServer({
      services: [
        bindService(wire.TransformServiceDefinition, createTransformHandlers({ library })),
        bindService(
          policyWire.PolicyServiceDefinition,
          createPolicyHandlers({ database, blobs, bundled, findUse: (_, { policy, version }) => Promise.resolve(inUse.get(version ?? policy)) }),
        ),
      ],
      logger: createLogger({ name: 'test', level: 'silent' }),
    });
    const port = await server.listen({ host: '127.0.0.1', port: 0 });
    const channel = createChannelTo(`127.0.0.1:${port}`);
    clients = openClients(channel);
    close = async () => {
      channel.close();
      await server.drain(1000);
      await embedded.database.close();
      await rm(folder, { recursive: true });
    };
    await clients.policies.importPolicy({
      parent,
      policyId: 'fresh',
      checkpoint: serializeCheckpoint(createCheckpoint(EDGE_POLICY, RandomStream.of(1))),
      requestId: 'first',
    });
  });

  afterAll(() => close());

  it('certifies a result for every network of the zoo', async () => {
    for (const { name } of listZoo()) {
      const { source, results } = await clients.transforms.transformArchitecture({
        parent,
        source: zoo(name),
        options: { policy: 'fresh', samples: 4, seed: 3 },
      });
      expect(source!.cost).toEqual(architectureCost(zooArchitecture(name)));
      for (const result of results) {
        expect(result.certificate).toMatchObject({ holds: true, violations: [] });
        expect(result.cost!.params).toBe(source!.cost!.params - result.edges.reduce((sum, edge) => sum + edge.savedParams, 0));
        expect(result.cost!.macs).toBe(source!.cost!.macs - result.edges.reduce((sum, edge) => sum + edge.savedMacs, 0));
      }
    }
  });

  it('gives the same answer to the same question, and official text that costs what it says', async () => {
    const ask = () => clients.transforms.transformArchitecture({ parent, source: zoo('DARTS'), options: { policy: 'fresh', seed: 5, samples: 3 } });
    const first = await ask();
    expect(await ask()).toEqual(first);
    for (const { genotype, cost } of first.results) expect(architectureCost(readGenotype(genotype))).toEqual(cost);
  });

  it('keeps a budget, or says what can be had', async () => {
    const { results } = await clients.transforms.transformArchitecture({
      parent,
      source: zoo('resnet20'),
      options: { policy: 'fresh', greedy: true, bounds: { maxParams: 150_000 } },
    });
    expect(results[0]!.cost!.params).toBeLessThanOrEqual(150_000);
    await expect(
      clients.transforms.transformArchitecture({ parent, source: zoo('resnet20'), options: { policy: 'fresh', greedy: true, bounds: { maxParams: 10 } } }),
    ).rejects.toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'BUDGET_UNREACHABLE' });
  });

  it('keeps a bound on peak memory, or says what can be had', async () => {
    const source = { ref: { $case: 'nasbench201' as const, value: '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|' } };
    const ask = (maxPeakActivationBytes: number) =>
      clients.transforms.transformArchitecture({ parent, source, options: { policy: 'fresh', samples: 64, seed: 2, bounds: { maxPeakActivationBytes } } });
    const refused = await ask(1).catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'BUDGET_UNREACHABLE' });
    const least = Number((refused as { metadata: Record<string, string> }).metadata['attainablePeakActivationBytes']);
    const { results } = await ask(least);
    expect(results.length).toBeGreaterThan(1);
    for (const { certificate } of results) {
      expect(certificate).toMatchObject({ holds: true, bounds: { maxPeakActivationBytes: least }, result: { peakActivationBytes: least } });
    }
    await expect(ask(least - 1)).rejects.toMatchObject({ reason: 'BUDGET_UNREACHABLE' });
  });

  it('takes bounds as shares of the source, for the whole budget of a published network', async () => {
    for (const name of ['resnet20', 'resnet56', 'vgg16', 'mobilenet_v2', 'DARTS', 'ENAS']) {
      const { macs, params } = architectureCost(zooArchitecture(name));
      for (const share of [1, 0.8, 0.6]) {
        const { results } = await clients.transforms.transformArchitecture({
          parent,
          source: zoo(name),
          options: { policy: 'nat', greedy: true, bounds: { maxMacsShare: share, maxParamsShare: 1 } },
        });
        const { certificate, edges, optimal, spec } = results[0]!;
        expect(certificate).toMatchObject({ holds: true, bounds: { maxMacs: Math.floor(share * macs), maxParams: params } });
        expect(architectureCost(architectureFromSpec(spec!, 'spec'))).toEqual(certificate!.result);
        expect(optimal).toBe(true);
        // What saves nothing was left without input or reader by others.
        for (const { before, after, savedParams, savedMacs } of edges) if (before !== after && savedParams === 0 && savedMacs === 0) expect(after).toBe('null');
      }
    }
  });

  it('uses its default policy only where it was learned, and says where a policy was', async () => {
    const cell = { ref: { $case: 'nasbench201' as const, value: '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|' } };
    const ask = (source: architectureWire.ArchitectureRef, policy: string) =>
      clients.transforms.transformArchitecture({ parent, source, options: { policy, greedy: true } });
    expect(await ask(cell, '')).toMatchObject({ policySpace: 'nasbench201', learnedHere: true });
    await expect(ask(zoo('resnet20'), '')).rejects.toMatchObject({
      kind: 'FAILED_PRECONDITION',
      reason: 'POLICY_NOT_LEARNED_HERE',
      metadata: { space: 'nasbench201' },
    });
    expect(await ask(zoo('resnet20'), 'nat')).toMatchObject({ policySpace: 'nasbench201', learnedHere: false });
    expect(await ask(zoo('DARTS'), 'nat-fully-concat')).toMatchObject({ policySpace: 'darts', learnedHere: true });
    expect(await ask(cell, 'fresh')).toMatchObject({ policySpace: '', learnedHere: false });
    await clients.policies.importPolicy({
      parent,
      policyId: 'of-darts',
      checkpoint: serializeCheckpoint(createCheckpoint(EDGE_POLICY, RandomStream.of(8))),
      space: 'DARTS',
    });
    expect(await ask(zoo('DARTS'), 'of-darts')).toMatchObject({ policySpace: 'DARTS', learnedHere: true });
    expect(await ask(zoo('ENAS'), 'of-darts')).toMatchObject({ learnedHere: false });
    await expect(clients.policies.importPolicy({ parent, policyId: 'of-nothing', checkpoint: new Uint8Array([1]), space: 'nowhere' })).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
      violations: [{ field: 'space' }],
    });
  });

  it('refuses a bound on latency, which nothing measures', async () => {
    await expect(
      clients.transforms.transformArchitecture({
        parent,
        source: zoo('DARTS'),
        options: { policy: 'fresh', bounds: { maxLatency: { seconds: 1, nanos: 0 } } },
      }),
    ).rejects.toMatchObject({ kind: 'UNIMPLEMENTED', reason: 'LATENCY_NOT_BOUNDED', violations: [{ field: 'options.bounds.max_latency' }] });
  });

  it('answers a batch in place, errors beside answers', async () => {
    const { outcomes } = await clients.transforms.batchTransformArchitectures({
      parent,
      sources: [zoo('DARTS'), zoo('nobody'), zoo('ENAS')],
      options: { policy: 'fresh', greedy: true },
    });
    expect(outcomes.map(({ outcome }) => outcome?.$case)).toEqual(['response', 'error', 'response']);
    const { outcome } = outcomes[1]!;
    if (outcome?.$case !== 'error') throw new Error('it is no error');
    expect(statusToDomainError(outcome.value)).toMatchObject({ kind: 'NOT_FOUND', reason: 'UNKNOWN_ARCHITECTURE' });
  });

  it('leaves out what a basic view does not ask for', async () => {
    const cell = '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|';
    const ask = (view: wire.View) =>
      clients.transforms.transformArchitecture({
        parent,
        source: { ref: { $case: 'nasbench201', value: cell } },
        options: { policy: 'fresh', greedy: true, view },
      });
    const [basic, full] = [await ask('VIEW_BASIC'), await ask('VIEW_FULL')];
    expect(basic.source).toMatchObject({ nasbench201: cell, spec: undefined, identity: '' });
    expect(basic.results[0]).toEqual({ ...full.results[0], spec: undefined, identity: '', edges: [] });
  });

  it('names what is wrong with a request, and serves on', async () => {
    await expect(clients.transforms.transformArchitecture({ parent, source: undefined })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
    await expect(
      clients.transforms.transformArchitecture({ parent, source: zoo('DARTS'), options: { policy: 'fresh', greedy: true, samples: 2 } }),
    ).rejects.toMatchObject({ reason: 'GREEDY_HAS_ONE_RESULT' });
    await expect(clients.transforms.transformArchitecture({ parent, source: zoo('DARTS'), options: { policy: 'nobody' } })).rejects.toMatchObject({
      kind: 'NOT_FOUND',
    });
  });

  it('keeps versions, imports once by request id, and exports the bytes it got', async () => {
    const space = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
    const bytes = [1, 2].map((seed) =>
      serializeCheckpoint(createCheckpoint({ ...officialGcnPolicy('nat', space.primitives), features: 8, hidden: 8, embedding: 8 }, RandomStream.of(seed))),
    );
    const first = await clients.policies.importPolicy({ parent, policyId: 'pair', checkpoint: bytes[0]!, requestId: 'a' });
    expect(await clients.policies.importPolicy({ parent, policyId: 'pair', checkpoint: bytes[0]!, requestId: 'a' })).toEqual(first);
    const second = await clients.policies.importPolicy({ parent, policyId: 'pair', checkpoint: bytes[1]!, requestId: 'b' });
    const policy = await clients.policies.getPolicy({ name: `${parent}/policies/pair` });
    expect(policy).toMatchObject({ encoder: 'ENCODER_GCN', scheme: 'SCHEME_NAT', defaultVersion: { name: second.name } });
    await expect(clients.policies.promotePolicyVersion({ name: first.name, etag: '"old"' })).rejects.toMatchObject({ kind: 'ABORTED' });
    await clients.policies.promotePolicyVersion({ name: first.name, etag: policy.etag });
    const exported = await clients.policies.exportPolicyVersion({ name: `${parent}/policies/pair` });
    expect(Buffer.from(exported.checkpoint).equals(bytes[0]!)).toBe(true);
    const { versions } = await clients.policies.listPolicyVersions({ parent: `${parent}/policies/pair` });
    expect(versions.map(({ sha256 }) => sha256)).toEqual([first.sha256, second.sha256]);
  });

  it('deletes what nothing refers to', async () => {
    const bytes = serializeCheckpoint(createCheckpoint(EDGE_POLICY, RandomStream.of(7)));
    const name = `${parent}/policies/passing`;
    const importOne = () => clients.policies.importPolicy({ parent, policyId: 'passing', checkpoint: bytes });
    const [first, second] = [await importOne(), await importOne()];
    await expect(clients.policies.deletePolicyVersion({ name: second.name })).rejects.toMatchObject({
      kind: 'FAILED_PRECONDITION',
      reason: 'POLICY_VERSION_IS_DEFAULT',
    });
    inUse.set('1', `${parent}/searches/busy`);
    await expect(clients.policies.deletePolicyVersion({ name: first.name })).rejects.toMatchObject({
      kind: 'FAILED_PRECONDITION',
      reason: 'POLICY_IN_USE',
      metadata: { name: first.name, user: `${parent}/searches/busy` },
    });
    inUse.clear();
    await expect(clients.policies.deletePolicyVersion({ name: first.name, etag: '"old"' })).rejects.toMatchObject({ kind: 'ABORTED' });
    await clients.policies.promotePolicyVersion({ name: first.name });
    await clients.policies.deletePolicyVersion({ name: second.name });
    await expect(clients.policies.exportPolicyVersion({ name: second.name })).rejects.toMatchObject({ reason: 'POLICY_VERSION_NOT_FOUND' });
    // The number of a deleted version is not given again.
    expect((await importOne()).name).toBe(`${name}/versions/3`);
    inUse.set('passing', `${parent}/operations/busy`);
    await expect(clients.policies.deletePolicy({ name })).rejects.toMatchObject({ reason: 'POLICY_IN_USE' });
    inUse.clear();
    await clients.policies.deletePolicy({ name });
    await expect(clients.policies.getPolicy({ name })).rejects.toMatchObject({ reason: 'POLICY_NOT_FOUND' });
    await expect(clients.policies.deletePolicy({ name })).rejects.toMatchObject({ kind: 'NOT_FOUND' });
    await expect(clients.policies.deletePolicy({ name: `${parent}/policies/nat` })).rejects.toMatchObject({ reason: 'POLICY_IS_BUNDLED' });
    await expect(clients.policies.deletePolicyVersion({ name: `${parent}/policies/nat/versions/1` })).rejects.toMatchObject({ reason: 'POLICY_IS_BUNDLED' });
  });

  it('refuses more steps than the contract can tell, and ids that are no part of a path', async () => {
    const checkpoint = createCheckpoint(EDGE_POLICY, RandomStream.of(9));
    const bytes = serializeCheckpoint({ ...checkpoint, step: 2 ** 32 });
    await expect(clients.policies.importPolicy({ parent, policyId: 'long', checkpoint: bytes })).rejects.toMatchObject({ reason: 'POLICY_STEP' });
    await clients.policies.importPolicy({ parent, policyId: 'long', checkpoint: serializeCheckpoint({ ...checkpoint, step: 2 ** 32 - 1 }) });
    expect((await clients.policies.listPolicies({ parent })).policies.find(({ policyId }) => policyId === 'long')?.defaultVersion?.step).toBe(2 ** 32 - 1);
    for (const policyId of ['.', '..', '...']) {
      await expect(clients.policies.importPolicy({ parent, policyId, checkpoint: bytes })).rejects.toMatchObject({ violations: [{ field: 'policy_id' }] });
    }
  });

  it('refuses bytes that are no policy', async () => {
    await expect(clients.policies.importPolicy({ parent, policyId: 'bad', checkpoint: new Uint8Array([1, 2, 3]) })).rejects.toMatchObject({
      kind: 'INVALID_ARGUMENT',
    });
  });
});
