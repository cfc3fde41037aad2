import { setTimeout as pause } from 'node:timers/promises';
import { DomainError, isDomainError } from '@nat/base/errors';
import { createChannelTo, openClients, type ClientChannelOptions, type ClientTlsFiles, type Logger, type PlatformClients } from '@nat/service';
import { countClients, readLockHolder, registerClient, type RegisteredClient } from '@nat/storage';
import type { Platform } from './start-platform.ts';

/** How a client presents itself, and the namespace it works in. */
export interface ConnectOptions {
  readonly namespace: string;
  /** Absent: plain text. */
  readonly tls?: ClientTlsFiles | undefined;
  /** Bearer token. */
  readonly token?: ClientChannelOptions['token'];
}

export interface SessionOptions extends ConnectOptions {
  /** HOST:PORT of a running platform. Absent: the one that holds `home`, else one that is started in this process. */
  readonly server?: string | undefined;
  /** The data directory. */
  readonly home: string;
  /** Data sets of a platform that is started here, as in `PlatformOptions`. */
  readonly dataDirectory: string | undefined;
  /** Log of a platform that is started here. */
  readonly logger: Logger;
  /** Worker processes of a platform that is started here. */
  readonly workers: number;
  /** Called once when this process has to outlive its own work because others use the platform it started. */
  readonly onShared?: () => void;
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

/** How long a running platform may take to answer, milliseconds. */
const CONNECT_MS = 10_000;
/** How long one that has just taken the directory may take to serve, on a machine that is busy, milliseconds. */
const START_MS = 120_000;
const LOOK_MS = 100;
/** How long others may go on using the platform before `onShared` is called, milliseconds. */
const SHARED_MS = 2_000;

/**
 * Connects to `server`; else to the platform that holds the data directory; else starts one in this process. Processes that run at the same time
 * on one directory share the platform of the first one, which ends after the last.
 * @throws DomainError UNAVAILABLE when the server does not answer
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { server, home } = options;
  if (server !== undefined) return connect(server, options);
  // Announced before looking, so that the one who is found does not end meanwhile.
  const registered = await registerClient(home);
  try {
    let refused: string | undefined;
    for (;;) {
      const address = await runningPlatform(home);
      const session = address === undefined ? await embed(options, registered) : await join(address);
      if (session !== undefined) return session;
      // It ended or was taken in between: look again, unless it is still there.
      if (address !== undefined && address === refused) return await connect(address, options);
      refused = address;
    }
  } catch (error) {
    await registered.end();
    throw error;
  }

  async function join(address: string): Promise<Session | undefined> {
    try {
      const session = await connect(address, options);
      const leave = async (): Promise<void> => {
        await session[Symbol.asyncDispose]();
        await registered.end();
      };
      return { ...session, [Symbol.asyncDispose]: leave };
    } catch (error) {
      if (isDomainError(error) && error.kind === 'UNAVAILABLE') return undefined;
      throw error;
    }
  }
}

/** A platform in this process; undefined when another process took the directory. */
async function embed(options: SessionOptions, registered: RegisteredClient): Promise<Session | undefined> {
  const { home, dataDirectory, logger, workers, onShared } = options;
  // Loaded only here: a process that finds a running platform needs none of the services' code.
  const { startPlatform } = await import('./start-platform.ts');
  const platform = await startPlatform({
    home,
    dataDirectory,
    listen: { host: '127.0.0.1', port: 0 },
    logger,
    workers,
  }).catch((error: unknown) => {
    if (isDomainError(error) && error.reason === 'DIRECTORY_LOCKED') return undefined;
    throw error;
  });
  if (platform === undefined) return undefined;
  try {
    await registered.end();
    const session = await connect(platform.address, options);
    return {
      ...session,
      embedded: true,
      async [Symbol.asyncDispose]() {
        try {
          await session[Symbol.asyncDispose]();
          await untilAlone(platform, home, onShared);
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

/** Resolves when no other process uses the platform and none can find it any more. */
async function untilAlone(platform: Platform, home: string, onShared?: () => void): Promise<void> {
  const since = performance.now();
  let told = false;
  for (;;) {
    await platform.setListed(false);
    if ((await countClients(home)) === 0) return;
    await platform.setListed(true);
    if (!told && performance.now() - since > SHARED_MS) {
      onShared?.();
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

/**
 * Clients of the platform at an address, once it answers.
 * @throws DomainError UNAVAILABLE when it does not within 10 seconds
 */
export async function connect(address: string, { namespace, tls, token }: ConnectOptions): Promise<Session> {
  const channel = createChannelTo(address, { ...(tls === undefined ? {} : { tls }), ...(token === undefined ? {} : { token }) });
  try {
    await channel.waitUntilReady(CONNECT_MS);
  } catch (error) {
    channel.close();
    throw error;
  }
  return {
    clients: openClients(channel),
    parent: `namespaces/${namespace}`,
    address,
    embedded: false,
    [Symbol.asyncDispose]() {
      channel.close();
      return Promise.resolve();
    },
  };
}
