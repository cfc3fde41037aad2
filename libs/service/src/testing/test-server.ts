/** What the tests of this package share: a service with scripted handlers on a real server. */
import { Writable } from 'node:stream';
import { evaluation, transform } from '@nat/contracts';
import type { ServiceImplementation } from 'nice-grpc';
import { createChannelTo, type ClientChannel, type ClientChannelOptions } from '../client/client.ts';
import type { ServiceContext } from '../server/call-context.ts';
import { createLogger } from '../observability/logger.ts';
import { createContractRegistry } from '../wire/contract-registry.ts';
import { createAuthentication, type Authenticate } from '../security/authentication.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { bindService, createServer, type BoundService, type ListenAddress, type Server, type ServerOptions } from '../server/server.ts';

type Transforms = ServiceImplementation<typeof transform.TransformServiceDefinition, ServiceContext>;
type Evaluations = ServiceImplementation<typeof evaluation.EvaluationServiceDefinition, ServiceContext>;

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

export interface TestServer {
  readonly server: Server;
  readonly port: number;
  readonly address: string;
  readonly logs: readonly LogLine[];
  readonly channel: (options?: ClientChannelOptions) => ClientChannel;
  readonly close: () => Promise<void>;
}

/** One registry for all tests of a file: building it takes 0.1 s. */
export const registry = createContractRegistry();

const unused = (): never => {
  throw new Error('not part of this test');
};

/** TransformService with these handlers; the others answer INTERNAL. */
export function transforms(handlers: Partial<Transforms>): BoundService {
  const rest: Transforms = { transformArchitecture: unused, batchTransformArchitectures: unused, streamTransformArchitectures: unused };
  return bindService(transform.TransformServiceDefinition, { ...rest, ...handlers });
}

export function evaluations(handlers: Partial<Evaluations>): BoundService {
  const rest: Evaluations = {
    submitEvaluations: unused,
    getEvaluation: unused,
    batchGetEvaluations: unused,
    listEvaluations: unused,
    cancelEvaluation: unused,
    cancelEvaluations: unused,
    deleteEvaluation: unused,
    downloadWeights: unused,
    uploadWeights: unused,
    listObservations: unused,
  };
  return bindService(evaluation.EvaluationServiceDefinition, { ...rest, ...handlers });
}

export async function startTestServer({
  listen = { host: '127.0.0.1', port: 0 },
  ...options
}: Partial<ServerOptions> & Pick<ServerOptions, 'services'> & { readonly listen?: ListenAddress }): Promise<TestServer> {
  const logs: LogLine[] = [];
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      logs.push(JSON.parse(chunk.toString('utf8')) as LogLine);
      done();
    },
  });
  const server = createServer({ logger: createLogger({ name: 'test', level: 'debug', destination }), registry, ...options });
  const port = await server.listen(listen);
  const channels: ClientChannel[] = [];
  const address = `127.0.0.1:${port}`;
  return {
    server,
    port,
    address,
    logs,
    channel: (channelOptions = {}) => {
      const channel = createChannelTo(address, { baseDelayMs: 1, ...channelOptions });
      channels.push(channel);
      return channel;
    },
    close: async () => {
      for (const channel of channels) channel.close();
      await server.drain(500);
    },
  };
}

/** Authentication by a file of tokens with this content. */
export function authenticationOf(tokens: string): Authenticate {
  const folder = temporaryFolder();
  try {
    return createAuthentication({ tokensFile: folder.path('tokens', tokens) });
  } finally {
    folder.remove();
  }
}
