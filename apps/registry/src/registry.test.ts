import { randomUUID } from 'node:crypto';
import { architectureIdentity, listZoo, zooArchitecture } from '@nat/cells';
import { architecture as wire } from '@nat/contracts';
import type { DomainError } from '@nat/base/errors';
import { createChannelTo, createLogger, createServer, statusToDomainError, type ClientChannel, type Server } from '@nat/service';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { architectureToSpec } from '@nat/convert';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { composeRegistry, type Registry } from './compose.ts';

const zoo = (value: string) => ({ ref: { $case: 'zoo', value } }) as const;
const spec = (value: wire.ArchitectureSpec) => ({ ref: { $case: 'spec', value } }) as const;
const stored = (value: string) => ({ ref: { $case: 'architecture', value } }) as const;

async function failure(promise: Promise<unknown>): Promise<DomainError> {
  try {
    await promise;
  } catch (error) {
    return error as DomainError;
  }
  throw new Error('nothing was thrown');
}

for (const { title, skip, open } of testDatabases) {
  describe.skipIf(skip)(`ArchitectureService on ${title}`, () => {
    let opened: TestDatabase;
    let registry: Registry;
    let server: Server;
    let channel: ClientChannel;
    let client: ReturnType<typeof connect>;
    /** A namespace of its own for each test. */
    let parent: string;
    let namespaces = 0;
    const connect = () => channel.client(wire.ArchitectureServiceDefinition);
    const logger = createLogger({ name: 'test', level: 'silent' });

    beforeAll(async () => {
      opened = await open();
      registry = await composeRegistry({ database: opened.database, logger });
      server = createServer({ services: registry.services, logger });
      const port = await server.listen({ host: '127.0.0.1', port: 0 });
      channel = createChannelTo(`127.0.0.1:${port}`);
      client = connect();
    });
    beforeEach(() => {
      namespaces += 1;
      parent = `namespaces/n${namespaces}`;
    });
    afterAll(async () => {
      channel.close();
      await server.drain(1000);
      await registry.close();
      await opened.dispose();
    });

    describe('storing', () => {
      it('keeps the submitted form, its order and its cost', async () => {
        const submitted = architectureToSpec(zooArchitecture('resnet20'));
        const created = await client.createArchitecture({
          parent,
          architectureId: 'mine',
          source: spec(submitted),
          displayName: 'Mine',
          labels: { team: 'vision' },
        });
        expect(created).toMatchObject({ name: `${parent}/architectures/mine`, displayName: 'Mine', labels: { team: 'vision' }, cost: { params: 269722 } });
        expect(created.spec).toEqual(submitted);
        expect(created.identity).toMatch(/^[0-9a-f]{64}$/);
        expect(created.createTime).toBeInstanceOf(Date);
        expect(await client.getArchitecture({ name: created.name })).toEqual(created);
      });

      it('chooses an id where there is none, and allows one identity twice', async () => {
        const first = await client.createArchitecture({ parent, source: zoo('DARTS') });
        const second = await client.createArchitecture({ parent, source: zoo('darts') });
        expect(first.name).not.toBe(second.name);
        expect(first.identity).toBe(second.identity);
        expect(first.displayName).toBe('DARTS');
      });

      it('refuses an id that is taken, by an architecture or by the zoo', async () => {
        await client.createArchitecture({ parent, architectureId: 'a', source: zoo('DARTS') });
        for (const architectureId of ['a', 'DARTS', 'darts']) {
          for (const validateOnly of [false, true]) {
            const error = await failure(client.createArchitecture({ parent, architectureId, source: zoo('ENAS'), validateOnly }));
            expect(error).toMatchObject({ kind: 'ALREADY_EXISTS', reason: 'ARCHITECTURE_EXISTS' });
          }
        }
      });

      it('answers the same request the same way, however often and however concurrently it comes', async () => {
        const request = { parent, source: zoo('DARTS'), labels: { b: '2', a: '1' }, requestId: randomUUID() };
        const answers = await Promise.all(Array.from({ length: 8 }, async () => client.createArchitecture(request)));
        answers.push(await client.createArchitecture({ ...request, labels: { a: '1', b: '2' } }));
        expect(new Set(answers.map(({ name }) => name)).size).toBe(1);
        expect(answers.every((answer) => JSON.stringify(wire.Architecture.toJSON(answer)) === JSON.stringify(wire.Architecture.toJSON(answers[0]!)))).toBe(
          true,
        );
        expect((await labelled()).length).toBe(1);
        expect(await failure(client.createArchitecture({ ...request, displayName: 'other' }))).toMatchObject({
          kind: 'ALREADY_EXISTS',
          reason: 'REQUEST_ID_REUSED',
        });
      });

      it('repeats its answer even when what it was made from is gone', async () => {
        const base = await client.createArchitecture({ parent, architectureId: 'base', source: zoo('DARTS') });
        const request = { parent, architectureId: 'copy', source: stored(base.name), requestId: randomUUID() };
        const copy = await client.createArchitecture(request);
        await client.deleteArchitecture({ name: base.name });
        expect(await client.createArchitecture(request)).toEqual(copy);
      });

      it('remembers nothing of a request that failed', async () => {
        const requestId = randomUUID();
        const bad = { parent, requestId, source: zoo('DARTS'), parentArchitecture: `${parent}/architectures/later` };
        expect(await failure(client.createArchitecture(bad))).toMatchObject({ kind: 'NOT_FOUND' });
        await client.createArchitecture({ parent, architectureId: 'later', source: zoo('ENAS') });
        expect((await client.createArchitecture(bad)).parentArchitecture).toBe(`${parent}/architectures/later`);
      });

      it('checks everything and stores nothing with validate_only', async () => {
        const checked = await client.createArchitecture({ parent, architectureId: 'v', source: zoo('DARTS'), validateOnly: true, requestId: randomUUID() });
        expect(checked).toMatchObject({ name: `${parent}/architectures/v`, cost: { params: 3349342 }, createTime: undefined });
        expect(await failure(client.getArchitecture({ name: checked.name }))).toMatchObject({ kind: 'NOT_FOUND', reason: 'ARCHITECTURE_NOT_FOUND' });
      });

      it('names the field that is wrong', async () => {
        const cyclic = architectureToSpec(zooArchitecture('DARTS'));
        cyclic.cells[0]!.edges[0] = { ...cyclic.cells[0]!.edges[0]!, from: 5, to: 2 };
        const unknown = architectureToSpec(zooArchitecture('DARTS'));
        unknown.cells[1]!.edges[2]!.operation = { $case: 'primitive', value: { name: 'conv_9x9', activation: wire.Activation.ACTIVATION_UNSPECIFIED } };
        const fields = async (value: wire.ArchitectureSpec) =>
          (await failure(client.createArchitecture({ parent, source: spec(value) }))).violations.map(({ field }) => field).join(' ');
        expect(await fields(cyclic)).toContain('source.spec.cells[0].edges[0]');
        expect(await fields(unknown)).toContain('source.spec.cells[1].edges[2]');
        const labels = { 'no spaces': 'x', fine: 'line\nbreak' };
        const error = await failure(client.createArchitecture({ parent, source: zoo('DARTS'), labels }));
        expect(error.violations.map(({ field }) => field)).toEqual(['labels["no spaces"]', 'labels["fine"]']);
        const huge = architectureToSpec(zooArchitecture('DARTS'));
        for (const edge of huge.cells[0]!.edges) edge.operation = { $case: 'fixed', value: { name: 'x', params: Number.MAX_SAFE_INTEGER, macs: 0 } };
        expect(await failure(client.createArchitecture({ parent, source: spec(huge) }))).toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'TOO_LARGE' });
      });
    });

    const labelled = async () => (await client.listArchitectures({ parent, filter: 'labels.a=1' })).architectures;

    describe('the zoo', () => {
      it('is readable in every namespace, in any case, with the lineage of published results', async () => {
        const darts = await client.getArchitecture({ name: `${parent}/architectures/darts` });
        expect(darts).toMatchObject({
          name: `${parent}/architectures/DARTS`,
          cost: { params: 3349342, macs: 528359040 },
          labels: { origin: 'zoo', kind: 'published' },
        });
        const { ancestors } = await client.getLineage({ name: `${parent}/architectures/NAT_DARTS` });
        expect(ancestors.map(({ name }) => name)).toEqual([darts.name]);
      });

      it('cannot be changed', async () => {
        const name = `${parent}/architectures/ENAS`;
        expect(await failure(client.deleteArchitecture({ name }))).toMatchObject({ kind: 'FAILED_PRECONDITION', reason: 'BUILT_IN' });
        expect(await failure(client.updateArchitecture({ architecture: { name, displayName: 'x' } }))).toMatchObject({ reason: 'BUILT_IN' });
      });
    });

    describe('lists', () => {
      const create = async (count: number) => {
        for (let index = 0; index < count; index += 1) {
          await client.createArchitecture({
            parent,
            architectureId: `a${index}`,
            source: zoo(index % 2 === 0 ? 'R1' : 'R2'),
            labels: { half: index < 5 ? 'first' : 'second' },
          });
        }
      };
      const pages = async (request: object) => {
        const ids: string[] = [];
        let pageToken = '';
        let count = 0;
        do {
          const page = await client.listArchitectures({ parent, ...request, pageToken });
          ids.push(...page.architectures.map(({ name }) => name.split('/').at(-1) ?? ''));
          pageToken = page.nextPageToken;
          count += 1;
        } while (pageToken !== '');
        return { ids, count };
      };

      it('give the zoo, then what is stored, each once, in pages of any size', async () => {
        await create(7);
        const names = [...listZoo().map(({ name }) => name), 'a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'a6'];
        for (const size of [1, 4, names.length, 1000]) {
          const { ids, count } = await pages({ pageSize: size });
          expect(ids).toEqual(names);
          if (size === 4) expect(count).toBe(Math.ceil(names.length / 4));
        }
      });

      it('are narrowed by identity, name, label and parent', async () => {
        await create(7);
        const { identity } = await client.getArchitecture({ name: `${parent}/architectures/R1` });
        expect((await pages({ filter: `identity="${identity}"` })).ids).toEqual(['R1', 'a0', 'a2', 'a4', 'a6']);
        expect((await pages({ filter: `identity="${identity}" AND labels.half=second` })).ids).toEqual(['a6']);
        expect((await pages({ filter: 'labels.half="first"', pageSize: 2 })).ids).toEqual(['a0', 'a1', 'a2', 'a3', 'a4']);
        expect((await pages({ filter: 'labels.origin="zoo" AND labels.kind="network"' })).ids).toEqual(['vgg16', 'resnet20', 'resnet56', 'mobilenet_v2']);
        expect((await pages({ filter: 'display_name="R2"' })).ids).toEqual(['R2', 'a1', 'a3', 'a5']);
        const child = { parent, architectureId: 'child', source: zoo('NAT_R1'), parentArchitecture: `${parent}/architectures/a0` };
        await client.createArchitecture(child);
        expect((await pages({ filter: `parent_architecture="${child.parentArchitecture}"` })).ids).toEqual(['child']);
        for (const filter of ['colour="red"', 'identity', 'identity="a" OR identity="b"']) {
          expect(await failure(client.listArchitectures({ parent, filter }))).toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'INVALID_FILTER' });
        }
      });

      it('refuse a token of another list, and a changed one', async () => {
        const { nextPageToken: pageToken } = await client.listArchitectures({ parent, pageSize: 1 });
        const others = [
          { parent, filter: 'display_name="x"', pageToken },
          { parent: 'namespaces/other', pageToken },
          { parent, pageToken: `${pageToken.slice(0, -4)}AAAA` },
        ];
        for (const other of others)
          expect(await failure(client.listArchitectures(other))).toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'INVALID_PAGE_TOKEN' });
      });

      it('read only the fields asked for', async () => {
        await create(1);
        const page = await client.listArchitectures({ parent, filter: 'labels.half=first', readMask: ['name', 'cost.params'] });
        expect(page.architectures).toEqual([wire.Architecture.create({ name: `${parent}/architectures/a0`, cost: { params: 3520198 } })]);
        expect(await failure(client.getArchitecture({ name: `${parent}/architectures/a0`, readMask: ['nmae'] }))).toMatchObject({
          reason: 'INVALID_FIELD_MASK',
        });
      });
    });

    describe('changes', () => {
      it('touch the presentation alone, under the etag', async () => {
        const created = await client.createArchitecture({ parent, architectureId: 'u', source: zoo('DARTS'), labels: { a: 'b' } });
        const dry = await client.updateArchitecture({
          architecture: { name: created.name, displayName: 'dry' },
          updateMask: ['display_name'],
          validateOnly: true,
        });
        expect([dry.displayName, (await client.getArchitecture({ name: created.name })).displayName]).toEqual(['dry', 'DARTS']);
        const renamed = await client.updateArchitecture({
          architecture: { name: created.name, displayName: 'new', etag: created.etag },
          updateMask: ['display_name'],
        });
        expect(renamed).toMatchObject({ displayName: 'new', labels: { a: 'b' }, createTime: created.createTime });
        expect(renamed.etag).not.toBe(created.etag);
        const stale = { name: created.name, etag: created.etag };
        expect(await failure(client.updateArchitecture({ architecture: stale }))).toMatchObject({ kind: 'ABORTED', reason: 'ETAG_MISMATCH' });
        expect(await failure(client.deleteArchitecture(stale))).toMatchObject({ kind: 'ABORTED' });
        expect(await failure(client.updateArchitecture({ architecture: { name: created.name }, updateMask: ['spec'] }))).toMatchObject({
          reason: 'IMMUTABLE_FIELD',
        });
        await client.deleteArchitecture({ name: created.name, etag: renamed.etag });
        expect(await failure(client.deleteArchitecture({ name: created.name }))).toMatchObject({ kind: 'NOT_FOUND' });
      });

      it('leave a lineage that ends where an ancestor is gone, and that never turns in a circle', async () => {
        const name = (id: string) => `${parent}/architectures/${id}`;
        const create = async (architectureId: string, of: string) =>
          client.createArchitecture({ parent, architectureId, source: zoo('R1'), parentArchitecture: of });
        await create('a', name('DARTS'));
        await create('b', name('a'));
        await create('c', name('b'));
        const ids = async (id: string) => (await client.getLineage({ name: name(id) })).ancestors.map((one) => one.name.split('/').at(-1));
        expect(await ids('c')).toEqual(['b', 'a', 'DARTS']);
        await client.deleteArchitecture({ name: name('a') });
        expect(await ids('c')).toEqual(['b']);
        await create('a', name('c'));
        expect(await ids('c')).toEqual(['b', 'a']);
      });
    });

    describe('questions', () => {
      it('about cost are answered for every network, whole and per edge', async () => {
        const { cost, edges } = await client.computeCost({ source: zoo('DARTS'), placement: { channels: 36, layers: 20 } });
        expect(cost).toMatchObject({ params: 3349342, macs: 528359040 });
        expect(edges.length).toBe(zooArchitecture('DARTS').cells.reduce((sum, cell) => sum + cell.edges.length, 0));
        const imagenet = await client.computeCost({ source: zoo('DARTS'), placement: { network: 'NETWORK_IMAGENET' } });
        expect(imagenet.cost?.params).toBeGreaterThan(cost?.params ?? Infinity);
        expect(await failure(client.computeCost({ source: zoo('nothing') }))).toMatchObject({ kind: 'NOT_FOUND' });
      });

      it('about differences name edges, their savings, and structure', async () => {
        const difference = await client.diffArchitectures({ before: zoo('DARTS'), after: zoo('NAT_DARTS') });
        expect(difference).toMatchObject({ sameStructure: true, sameIdentity: false, structuralDifferences: [] });
        expect(difference.edits.length).toBeGreaterThan(0);
        const saved = difference.edits.reduce((sum, edit) => sum + edit.savedParams, 0);
        expect(saved).toBe((difference.beforeCost?.params ?? 0) - (difference.afterCost?.params ?? 0));
        const itself = await client.diffArchitectures({ before: zoo('DARTS'), after: zoo('darts') });
        expect(itself).toMatchObject({ sameStructure: true, sameIdentity: true, edits: [] });
        const other = await client.diffArchitectures({ before: zoo('resnet20'), after: zoo('DARTS') });
        expect(other.sameStructure).toBe(false);
        expect(other.structuralDifferences).toContain('the skeletons differ');
      });

      it('about validity come back as data', async () => {
        const broken = architectureToSpec(zooArchitecture('DARTS'));
        broken.cells[0]!.edges[0]!.to = 77;
        const errorOf = async (source: wire.ArchitectureRef) => {
          const { result } = await client.validateArchitecture({ source });
          if (result?.$case !== 'error') throw new Error('it is valid');
          return statusToDomainError(result.value);
        };
        const error = await errorOf(spec(broken));
        expect(error).toMatchObject({ kind: 'INVALID_ARGUMENT', reason: 'INVALID_ARCHITECTURE' });
        expect(error.violations.map(({ field }) => field).join(' ')).toContain('source.spec.cells[0].edges[0]');
        expect(await errorOf({ ref: { $case: 'genotype', value: 'Genotype(oops' } })).toMatchObject({ kind: 'INVALID_ARGUMENT' });
        expect(await errorOf(zoo('nobody'))).toMatchObject({ kind: 'NOT_FOUND' });
        const good = await client.validateArchitecture({ source: zoo('DARTS') });
        expect(good.result).toEqual({ $case: 'identity', value: architectureIdentity(zooArchitecture('DARTS')) });
      });

      it('by resource name stay in the namespace given', async () => {
        const { name } = await client.createArchitecture({ parent, architectureId: 'x', source: zoo('R1') });
        expect((await client.computeCost({ source: stored(name), parent })).cost?.params).toBe(3520198);
        expect((await client.computeCost({ source: stored(name) })).cost?.params).toBe(3520198);
        expect(await failure(client.computeCost({ source: stored(name), parent: 'namespaces/other' }))).toMatchObject({ reason: 'OTHER_NAMESPACE' });
        expect(await failure(client.computeCost({ source: zoo('R1'), parent: 'nonsense' }))).toMatchObject({ kind: 'INVALID_ARGUMENT' });
      });
    });

    describe('texts', () => {
      const format = async (of: string, as: wire.Format) => client.exportArchitecture({ source: zoo(of), format: as });

      it.each([
        ['DARTS', 'FORMAT_GENOTYPE', 'text/plain; charset=utf-8', /^Genotype\(/],
        ['resnet20', 'FORMAT_JSON', 'application/json', /^\{/],
        ['ENAS', 'FORMAT_DOT', 'text/vnd.graphviz; charset=utf-8', /^digraph/],
        ['vgg16', 'FORMAT_SVG', 'image/svg+xml', /^<svg|^<\?xml/],
      ] as const)('of %s as %s', async (of, as, mediaType, start) => {
        const text = await format(of, as);
        expect(text.mediaType).toBe(mediaType);
        expect(text.content).toMatch(start);
      });

      it('are read back to the same identity, also without a format', async () => {
        const cell = '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|';
        const texts = [
          { as: 'FORMAT_GENOTYPE', content: (await format('DARTS', 'FORMAT_GENOTYPE')).content, source: zoo('DARTS') },
          { as: 'FORMAT_JSON', content: (await format('resnet20', 'FORMAT_JSON')).content, source: zoo('resnet20') },
          { as: 'FORMAT_NASBENCH201', content: cell, source: { ref: { $case: 'nasbench201', value: cell } } },
        ] as const;
        for (const { as, content, source } of texts) {
          const { result } = await client.validateArchitecture({ source });
          for (const asked of [as, 'FORMAT_UNSPECIFIED'] as const) {
            const imported = await client.importArchitecture({ format: asked, content });
            expect(imported).toMatchObject({ identity: result?.value, format: as });
            const again = { ...spec(imported.spec!), displayName: as === 'FORMAT_JSON' ? 'resnet20' : '' };
            expect((await client.exportArchitecture({ source: again, format: as })).content.trim()).toBe(content.trim());
          }
        }
      });

      it('that cannot be are refused', async () => {
        expect(await failure(format('resnet20', 'FORMAT_GENOTYPE'))).toMatchObject({ kind: 'FAILED_PRECONDITION' });
        expect(await failure(format('DARTS', 'FORMAT_UNSPECIFIED'))).toMatchObject({ kind: 'INVALID_ARGUMENT' });
        for (const as of ['FORMAT_DOT', 'FORMAT_SVG'] as const) {
          expect(await failure(client.importArchitecture({ format: as, content: 'digraph {}' }))).toMatchObject({ reason: 'FORMAT_NOT_READ' });
        }
        expect(await failure(client.importArchitecture({ content: '|nor_conv_3x3~7|' }))).toMatchObject({ kind: 'INVALID_ARGUMENT' });
      });
    });
  });
}
