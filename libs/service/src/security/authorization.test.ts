import { create, ScalarType, toBinary, type DescField, type DescMessage, type Message } from '@bufbuild/protobuf';
import { architecture, evaluation, health, longrunning, metrics, policy, reflection, reflectionV1Alpha, search, transform } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import type { TsProtoServiceDefinition } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authenticationOf, registry, startTestServer, type TestServer } from '../testing/test-server.ts';
import { thrownBy } from '../testing/thrown-by.ts';
import type { BoundService } from '../server/server.ts';
import { resourceNamesIn } from './authorization.ts';
import { accessOf } from './method-access.ts';

/** Every service of the image but those that the kit adds itself. */
const DEFINITIONS: readonly TsProtoServiceDefinition[] = [
  architecture.ArchitectureServiceDefinition,
  transform.TransformServiceDefinition,
  search.SearchServiceDefinition,
  policy.PolicyServiceDefinition,
  evaluation.EvaluationServiceDefinition,
  evaluation.WorkerServiceDefinition,
  metrics.MetricsServiceDefinition,
  longrunning.OperationsDefinition,
];
const ADDED: readonly TsProtoServiceDefinition[] = [
  health.HealthDefinition,
  reflection.ServerReflectionDefinition,
  reflectionV1Alpha.ServerReflectionDefinition,
];

const inImage = [...registry.files].flatMap((file) => file.services.flatMap(({ methods }) => methods));
const pathOf = (method: (typeof inImage)[number]): string => `/${method.parent.typeName}/${method.name}`;

type Path = readonly DescField[];

/** Every field of text that a request can hold, however deep. */
function textFields(message: DescMessage, above: Path = []): Path[] {
  return message.fields.flatMap((field) => {
    const path = [...above, field];
    if (field.message === undefined) return field.scalar === ScalarType.STRING && field.fieldKind !== 'map' ? [path] : [];
    const recursive = above.some(({ parent }) => parent === field.message) || field.message === message;
    return recursive || field.fieldKind === 'map' ? [] : textFields(field.message, path);
  });
}

/** A request that holds this text there and nothing else. */
function withText(message: DescMessage, [field, ...below]: Path, text: string): Message {
  const request = create(message) as Message & Record<string, unknown>;
  const inner = field!.message === undefined ? text : withText(field!.message, below, text);
  const value = field!.fieldKind === 'list' ? [inner] : inner;
  if (field!.oneof === undefined) request[field!.localName] = value;
  else request[field!.oneof.localName] = { case: field!.localName, value };
  return request;
}

/** Handlers that all answer UNIMPLEMENTED: whoever sees that was let in. */
const unimplemented = (definition: TsProtoServiceDefinition): BoundService => ({
  name: definition.fullName,
  definition,
  implementation: Object.fromEntries(
    Object.entries(definition.methods).map(([name, { responseStream }]) => [
      name,
      responseStream
        ? async function* none(requests: AsyncIterable<unknown>) {
            if (Symbol.asyncIterator in requests) for await (const _ of requests);
          }
        : async (requests: unknown) => {
            if (typeof requests === 'object' && requests !== null && Symbol.asyncIterator in requests)
              for await (const _ of requests as AsyncIterable<unknown>);
            return {};
          },
    ]),
  ),
});

describe('authorization, over every method of the contracts', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      services: DEFINITIONS.map(unimplemented),
      authenticate: authenticationOf(
        'team-a-editor team-a editor\nteam-a-reader team-a reader\nboth team-a,team-b editor\nfleet * worker\nplatform * service\nall\nall-reader * reader',
      ),
      // Rules would refuse most of these requests before anybody asks whose they are.
      validator: { check: () => [], hasRules: () => false },
    });
  });
  afterAll(() => server.close());

  /** What a call with these bytes ends with; undefined: well. */
  async function call(definition: TsProtoServiceDefinition, method: string, token: string | undefined, bytes = new Uint8Array()): Promise<string | undefined> {
    const key = method.charAt(0).toLowerCase() + method.slice(1);
    const declared = definition.methods[key]!;
    const raw = { ...definition, methods: { [key]: { ...declared, requestType: { ...declared.requestType, encode: () => ({ finish: () => bytes }) } } } };
    const channel = server.channel(token === undefined ? {} : { token });
    const client = channel.client(raw, { retry: false }) as unknown as Record<string, (request: unknown) => unknown>;

    async function* one() {
      yield {};
    }
    try {
      const answer = client[key]!(declared.requestStream ? one() : {});
      if (declared.responseStream) for await (const _ of answer as AsyncIterable<unknown>);
      else await answer;
      return undefined;
    } catch (error) {
      return isDomainError(error) ? error.kind : String(error);
    } finally {
      channel.close();
    }
  }

  it('knows every method, and no other', () => {
    expect(inImage.map(pathOf).filter((path) => accessOf(path) === undefined)).toEqual([]);
    const served = [...DEFINITIONS, ...ADDED].map(({ fullName }) => fullName).sort();
    expect([...new Set(inImage.map(({ parent }) => parent.typeName))].sort()).toEqual(served);
    expect(accessOf('/nat.search.v1.SearchService/DropEverything')).toBeUndefined();
  });

  const methods = DEFINITIONS.flatMap((definition) =>
    Object.values(definition.methods).map(({ name }) => [`/${definition.fullName}/${name}`, definition, name] as const),
  );

  it.each(methods)('%s refuses callers without a token, with a wrong one, and of another role', async (path, definition, name) => {
    expect(await call(definition, name, undefined)).toBe('UNAUTHENTICATED');
    expect(await call(definition, name, 'wrong')).toBe('UNAUTHENTICATED');
    const { kind } = accessOf(path)!;
    expect(await call(definition, name, 'all-reader')).toBe(kind === 'read' ? undefined : 'PERMISSION_DENIED');
    expect(await call(definition, name, 'fleet')).toBe(kind === 'work' ? undefined : 'PERMISSION_DENIED');
    expect(await call(definition, name, 'platform')).toBeUndefined();
    expect(await call(definition, name, 'all')).toBeUndefined();
  });

  it.each(methods)('%s keeps a caller to its namespaces, in whatever field the name stands', async (path, definition, name) => {
    const { kind, nameless } = accessOf(path)!;
    const { input } = inImage.find((method) => pathOf(method) === path)!;
    const fields = textFields(input);
    const asks = (token: string, field: Path, text: string) => call(definition, name, token, toBinary(input, withText(input, field, text)));
    if (kind === 'work') {
      expect(await call(definition, name, 'team-a-editor')).toBe('PERMISSION_DENIED');
      return;
    }
    // A request about nothing is for those who have everything, unless nothing is what it is about.
    expect(await call(definition, name, 'team-a-editor')).toBe(nameless ? undefined : 'PERMISSION_DENIED');
    if (!nameless) expect(fields.length).toBeGreaterThan(0);
    for (const field of fields) {
      expect(await asks('team-a-editor', field, 'namespaces/team-b/things/x')).toBe('PERMISSION_DENIED');
      expect(await asks('team-a-editor', field, 'namespaces/-')).toBe('PERMISSION_DENIED');
    }
    for (const field of fields.slice(0, 1)) {
      expect(await asks('team-a-editor', field, 'namespaces/team-a/things/x')).toBeUndefined();
      expect(await asks('both', field, 'namespaces/team-b')).toBeUndefined();
      expect(await asks('all', field, 'namespaces/-')).toBeUndefined();
      expect(await asks('team-a-reader', field, 'namespaces/team-a/things/x')).toBe(kind === 'read' ? undefined : 'PERMISSION_DENIED');
      expect(await asks('team-a-reader', field, 'namespaces/team-ab/things/x')).toBe('PERMISSION_DENIED');
    }
  });

  it('leaves health open, and reflection to those who are known', async () => {
    const [probe, listing] = ADDED as [TsProtoServiceDefinition, TsProtoServiceDefinition];
    expect(await call(probe, 'Check', undefined)).toBeUndefined();
    expect(await call(listing, 'ServerReflectionInfo', undefined)).toBe('UNAUTHENTICATED');
    for (const token of ['team-a-reader', 'fleet', 'all']) expect(await call(listing, 'ServerReflectionInfo', token)).toBeUndefined();
  });

  it('holds the later messages of a stream to it too', async () => {
    const client = server.channel({ token: 'team-a-reader' }).client(transform.TransformServiceDefinition);

    async function* requests(architecture: string) {
      yield { parent: 'namespaces/team-a' };
      yield { sources: [{ ref: { $case: 'zoo', value: 'DARTS' } as const }] };
      yield { sources: [{ ref: { $case: 'architecture', value: architecture } as const }] };
    }
    const read = (name: string) => async () => {
      for await (const _ of client.streamTransformArchitectures(requests(name)));
    };
    await read('namespaces/team-a/architectures/x')();
    expect(await thrownBy(read('namespaces/team-b/architectures/x'))).toMatchObject({
      kind: 'PERMISSION_DENIED',
      reason: 'NAMESPACE_DENIED',
      metadata: { namespace: 'team-b' },
    });
  });
});

describe('names in a request', () => {
  it('are found at any depth, in lists and maps, and text is none', () => {
    const request = {
      parent: 'namespaces/a',
      note: 'see namespaces/b',
      data: new Uint8Array(3),
      time: new Date(0),
      evaluations: [{ spec: { search: 'namespaces/c/searches/s', kind: { $case: 'tabular', value: { pairs: [{ id: 'x' }] } } } }],
      labels: { 'namespaces/d': 'x' },
    };
    expect(resourceNamesIn(request).toSorted()).toEqual(['namespaces/a', 'namespaces/c/searches/s', 'namespaces/d']);
  });
});
