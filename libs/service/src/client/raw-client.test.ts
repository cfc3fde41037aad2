/** What a client sees that shares no code with the kit: grpc-js with the descriptors as protobuf.js reads them. */
import {
  credentials,
  loadPackageDefinition,
  status,
  type Client,
  type GrpcObject,
  type Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { readDescriptorImage } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, transforms, type TestServer } from '../testing/test-server.ts';

interface Answer {
  readonly error: ServiceError | null;
  readonly response: unknown;
  readonly header: Metadata | undefined;
}

/** google.rpc.Status as protobuf.js decodes it. */
interface StatusMessage {
  readonly code: number;
  readonly message: string;
  readonly details: readonly { readonly type_url: string; readonly value: Buffer }[];
}

const definitions = loadFileDescriptorSetFromBuffer(Buffer.from(readDescriptorImage()), { keepCase: true, longs: String, enums: String, defaults: true });
const packages = loadPackageDefinition(definitions);

/** A message type's decoder, by its full name. */
function decoder(name: string): (bytes: Buffer) => unknown {
  const { deserialize } = definitions[name] as unknown as { readonly deserialize?: (bytes: Buffer) => unknown };
  if (deserialize === undefined) throw new Error(`${name} is not in the descriptor image`);
  return deserialize;
}

let test: TestServer;
let client: Client;

beforeAll(async () => {
  test = await startTestServer({
    services: [
      transforms({
        transformArchitecture: async ({ source }) => {
          if (source?.displayName === 'fail') {
            throw new DomainError('FAILED_PRECONDITION', 'budget below what is attainable', {
              reason: 'BUDGET_UNREACHABLE',
              metadata: { attainableParams: '12' },
            });
          }
          return Promise.resolve({ policyVersion: 'namespaces/default/policies/p/versions/1' });
        },
      }),
    ],
  });
  const nat = packages['nat'] as GrpcObject;
  const Service = ((nat['transform'] as GrpcObject)['v1'] as GrpcObject)['TransformService'] as ServiceClientConstructor;
  client = new Service(test.address, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await test.close();
});

async function call(request: object): Promise<Answer> {
  const methods = client as unknown as Record<
    string,
    (
      message: object,
      done: (error: ServiceError | null, response: unknown) => void,
    ) => { on: (event: 'metadata', listener: (metadata: Metadata) => void) => void }
  >;
  return await new Promise((resolve) => {
    let header: Metadata | undefined;
    const running = methods['TransformArchitecture']!.call(client, request, (error, response) => {
      resolve({ error, response, header });
    });
    running.on('metadata', (metadata) => (header = metadata));
  });
}

const good = { parent: 'namespaces/default', source: { zoo: 'DARTS' } };

describe('a client of another make', () => {
  it('gets answers and a request id', async () => {
    const { error, response, header } = await call(good);
    expect(error).toBeNull();
    expect(response).toMatchObject({ policy_version: 'namespaces/default/policies/p/versions/1' });
    expect(header?.get('x-request-id')[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('reads field violations from the status details', async () => {
    const { error } = await call({ parent: 'nope', source: { zoo: 'DARTS' }, options: { samples: 9999 } });
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
    const bytes = error?.metadata.get('grpc-status-details-bin')[0] as Buffer;
    const { code, details } = decoder('google.rpc.Status')(bytes) as StatusMessage;
    expect(code).toBe(status.INVALID_ARGUMENT);
    const find = (name: string) => decoder(name)(details.find(({ type_url: url }) => url === `type.googleapis.com/${name}`)!.value);
    expect(find('google.rpc.ErrorInfo')).toMatchObject({ reason: 'INVALID_FIELD', domain: 'nat' });
    const { field_violations: violations } = find('google.rpc.BadRequest') as { field_violations: { field: string }[] };
    expect(violations.map(({ field }) => field)).toEqual(['parent', 'options.samples']);
  });

  it('reads reason and metadata of domain errors', async () => {
    const { error } = await call({ parent: 'namespaces/default', source: { zoo: 'DARTS', display_name: 'fail' } });
    expect(error).toMatchObject({ code: status.FAILED_PRECONDITION, details: 'budget below what is attainable' });
    const { details } = decoder('google.rpc.Status')(error?.metadata.get('grpc-status-details-bin')[0] as Buffer) as StatusMessage;
    // protobuf.js leaves the map of a descriptor set as its entries.
    const metadata = [{ key: 'attainableParams', value: '12' }];
    expect(decoder('google.rpc.ErrorInfo')(details[0]!.value)).toMatchObject({ reason: 'BUDGET_UNREACHABLE', metadata });
  });

  it('is told that a message is too large, and served afterwards', async () => {
    const { error } = await call({ parent: 'namespaces/default', source: { json: 'x'.repeat(6_000_000) } });
    expect(error?.code).toBe(status.RESOURCE_EXHAUSTED);
    expect((await call(good)).error).toBeNull();
  });

  it('is told that a number is too large', async () => {
    const { error } = await call({ ...good, options: { seed: '18446744073709551615' } });
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
  });
});
