import { DomainError, isDomainError } from '@nat/errors';
import { createChannelTo, createLogger, openClients, type ClientTlsFiles, type PlatformClients } from '@nat/service';
import { readLockHolder } from '@nat/storage';
import { Option } from 'commander';
import type { CommandContext } from './program.ts';

export interface ConnectionFlags {
  readonly server?: string;
  readonly namespace: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly token?: string;
}

/** Where a command talks to. */
export function connectionOptions(): readonly Option[] {
  return [
    new Option('--server <host:port>', 'a running platform; left out: the one that has NAT_HOME, or an embedded one for this command').env('NAT_SERVER'),
    new Option('--namespace <name>', 'the namespace of all names').default('default'),
    new Option('--tls-ca <file>', 'certificate authority of the server'),
    new Option('--tls-cert <file>', 'client certificate'),
    new Option('--tls-key <file>', 'key of the client certificate'),
    new Option('--token <token>', 'bearer token').env('NAT_TOKEN'),
  ];
}

/** Clients of a platform, wherever it runs. */
export interface Session extends AsyncDisposable {
  readonly clients: PlatformClients;
  /** `namespaces/<namespace>` */
  readonly parent: string;
  /** HOST:PORT */
  readonly address: string;
  /** True when the platform runs in this process and ends with it. */
  readonly embedded: boolean;
}

/** How long a running platform may take to answer, and one that just took the directory to say where it serves. */
const CONNECT_MS = 10_000;

/**
 * Connects to `--server`; else to the platform that holds the data directory; else starts one in this process.
 * @throws DomainError UNAVAILABLE when the server does not answer
 */
export async function openSession(context: CommandContext, flags: ConnectionFlags): Promise<Session> {
  if (flags.server !== undefined) return connect(flags.server, flags);
  const { environment } = context;
  const running = await runningPlatform(environment.home);
  if (running !== undefined) return connect(running, flags);
  const { startPlatform } = await import('@nat/platform');
  try {
    const platform = await startPlatform({
      home: environment.home,
      dataDirectory: environment.dataDirectory,
      listen: { host: '127.0.0.1', port: 0 },
      logger: createLogger({ name: 'nat', level: environment.logLevel }),
      workers: 1,
    });
    const session = await connect(platform.address, flags);
    return {
      ...session,
      embedded: true,
      async [Symbol.asyncDispose]() {
        await session[Symbol.asyncDispose]();
        await platform.close();
      },
    };
  } catch (error) {
    // Another command took the directory between the look and the start: use its platform.
    if (isDomainError(error) && error.reason === 'DIRECTORY_LOCKED') {
      const address = await runningPlatform(environment.home);
      if (address !== undefined) return connect(address, flags);
    }
    throw error;
  }
}

/** The address that the holder of the directory published, once it serves; undefined when nobody holds it. */
export async function runningPlatform(home: string): Promise<string | undefined> {
  const deadline = performance.now() + CONNECT_MS;
  for (;;) {
    const holder = await readLockHolder(home);
    if (holder === undefined) return undefined;
    if (holder.address !== undefined) return holder.address;
    if (performance.now() > deadline) {
      throw new DomainError('UNAVAILABLE', `process ${holder.pid} has ${home}, but does not serve`, {
        reason: 'HOLDER_NOT_SERVING',
        metadata: { hint: `End process ${holder.pid}, or set NAT_HOME to another directory.` },
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export async function connect(address: string, flags: ConnectionFlags): Promise<Session> {
  const tls = tlsFiles(flags);
  const channel = createChannelTo(address, {
    ...(tls === undefined ? {} : { tls }),
    ...(flags.token === undefined ? {} : { token: flags.token }),
  });
  try {
    await channel.waitUntilReady(CONNECT_MS);
  } catch (error) {
    channel.close();
    throw error;
  }
  return {
    clients: openClients(channel),
    parent: `namespaces/${flags.namespace}`,
    address,
    embedded: false,
    [Symbol.asyncDispose]() {
      channel.close();
      return Promise.resolve();
    },
  };
}

/** The TLS files named by the options; undefined for plain text. */
export function tlsFiles(flags: ConnectionFlags): ClientTlsFiles | undefined {
  const { tlsCa, tlsCert, tlsKey } = flags;
  if (tlsCa === undefined && tlsCert === undefined) return undefined;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw DomainError.invalid('--tls-cert', 'goes together with --tls-key');
  return {
    ...(tlsCa === undefined ? {} : { caFile: tlsCa }),
    ...(tlsCert === undefined || tlsKey === undefined ? {} : { certFile: tlsCert, keyFile: tlsKey }),
  };
}
