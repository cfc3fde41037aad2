import { setTimeout as pause } from 'node:timers/promises';
import { DomainError, isDomainError } from '@nat/base/errors';
import type { Platform } from '@nat/platform';
import { createChannelTo, createLogger, openClients, readTokenFile, type ClientChannelOptions, type ClientTlsFiles, type PlatformClients } from '@nat/service';
import { countVisitors, readLockHolder, visitDirectory, type Visit } from '@nat/storage';
import { Option } from 'commander';
import type { CommandContext } from './program.ts';
import type { Terminal } from './terminal.ts';

export interface ConnectionFlags {
  readonly server?: string;
  readonly namespace: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly token?: string;
  readonly tokenFile?: string;
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
    new Option('--token-file <file>', 'a file that holds it; read again when it changes').env('NAT_TOKEN_FILE').conflicts('token'),
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

/** The resource name of a search, of its id or of the name itself. */
export function searchName({ parent }: Session, search: string): string {
  return search.includes('/') ? search : `${parent}/searches/${search}`;
}

/** How long a running platform may take to answer, milliseconds. */
const CONNECT_MS = 10_000;
/** How long one that has just taken the directory may take to serve, on a machine that is busy, milliseconds. */
const START_MS = 120_000;
const LOOK_MS = 100;

/**
 * Connects to `--server`; else to the platform that holds the data directory; else starts one in this process. Commands that run at the same time
 * on one directory share the platform of the first one, which ends after the last.
 * @param workers worker processes of a platform that is started here
 * @throws DomainError UNAVAILABLE when the server does not answer
 */
export async function openSession(context: CommandContext, flags: ConnectionFlags, workers = 1): Promise<Session> {
  if (flags.server !== undefined) return connect(flags.server, flags);
  const { home } = context.environment;
  // Announced before looking, so that the one who is found does not end meanwhile.
  const visit = await visitDirectory(home);
  try {
    let refused: string | undefined;
    for (;;) {
      const address = await runningPlatform(home);
      const session = address === undefined ? await embed(context, flags, visit, workers) : await join(address);
      if (session !== undefined) return session;
      // It ended or was taken in between: look again, unless it is still there.
      if (address !== undefined && address === refused) return await connect(address, flags);
      refused = address;
    }
  } catch (error) {
    await visit.end();
    throw error;
  }

  async function join(address: string): Promise<Session | undefined> {
    try {
      const session = await connect(address, flags);
      const leave = async (): Promise<void> => {
        await session[Symbol.asyncDispose]();
        await visit.end();
      };
      return { ...session, [Symbol.asyncDispose]: leave };
    } catch (error) {
      if (isDomainError(error) && error.kind === 'UNAVAILABLE') return undefined;
      throw error;
    }
  }
}

/** A platform in this process; undefined when another command took the directory. */
async function embed({ terminal, environment }: CommandContext, flags: ConnectionFlags, visit: Visit, workers: number): Promise<Session | undefined> {
  const { home } = environment;
  const { startPlatform } = await import('@nat/platform');
  const platform = await startPlatform({
    home,
    dataDirectory: environment.dataDirectory,
    listen: { host: '127.0.0.1', port: 0 },
    logger: createLogger({ name: 'nat', level: environment.logLevel }),
    workers,
  }).catch((error: unknown) => {
    if (isDomainError(error) && error.reason === 'DIRECTORY_LOCKED') return undefined;
    throw error;
  });
  if (platform === undefined) return undefined;
  try {
    await visit.end();
    const session = await connect(platform.address, flags);
    return {
      ...session,
      embedded: true,
      async [Symbol.asyncDispose]() {
        try {
          await session[Symbol.asyncDispose]();
          await untilAlone(platform, home, terminal);
        } finally {
          await platform.close();
        }
      },
    };
  } catch (error) {
    await platform.close();
    throw error;
  }
}

/** Resolves when no other command uses the platform and none can find it any more. */
async function untilAlone(platform: Platform, home: string, terminal: Terminal): Promise<void> {
  const since = performance.now();
  let told = false;
  for (;;) {
    await platform.setListed(false);
    if ((await countVisitors(home)) === 0) return;
    await platform.setListed(true);
    if (!told && terminal.interactive && performance.now() - since > 2_000) {
      terminal.err('another command uses this platform: waiting until it is done (Ctrl-C ends both)');
      told = true;
    }
    await pause(LOOK_MS);
  }
}

/** The address that the holder of the directory published, once it serves; undefined when nobody holds it. */
export async function runningPlatform(home: string): Promise<string | undefined> {
  const deadline = performance.now() + START_MS;
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
    await pause(LOOK_MS);
  }
}

export async function connect(address: string, flags: ConnectionFlags): Promise<Session> {
  const tls = tlsFiles(flags);
  const token = bearerToken(flags);
  const channel = createChannelTo(address, { ...(tls === undefined ? {} : { tls }), ...(token === undefined ? {} : { token }) });
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

/** The token that the options name. */
export function bearerToken({ token, tokenFile }: ConnectionFlags): ClientChannelOptions['token'] {
  return tokenFile === undefined ? token : readTokenFile(tokenFile);
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
