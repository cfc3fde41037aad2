import { DomainError } from '@nat/base/errors';
import { openSession as open, type ConnectOptions, type Session } from '@nat/platform/session';
import { createLogger, readTokenFile, type ClientChannelOptions, type ClientTlsFiles } from '@nat/service';
import type { CommandContext } from '../context.ts';
import type { ConnectionFlags } from './connection-options.ts';

/** Clients of the platform that the flags and the environment name; see `openSession` of @nat/platform. @param workers of a platform that is started here */
export function openSession({ terminal, environment }: CommandContext, flags: ConnectionFlags, workers = 1): Promise<Session> {
  return open({
    ...readConnection(flags),
    server: flags.server,
    home: environment.home,
    dataDirectory: environment.dataDirectory,
    logger: createLogger({ name: 'nat', level: environment.logLevel }),
    workers,
    onShared: () => {
      if (terminal.interactive) terminal.err('another command uses this platform: waiting until it is done (Ctrl-C ends both)');
    },
  });
}

/** The caller that the flags describe. @throws DomainError INVALID_ARGUMENT for a certificate without its key */
export function readConnection(flags: ConnectionFlags): ConnectOptions & { readonly tls: ClientTlsFiles | undefined } {
  return { namespace: flags.namespace, tls: tlsFiles(flags), token: bearerToken(flags) };
}

function bearerToken({ token, tokenFile }: ConnectionFlags): ClientChannelOptions['token'] {
  return tokenFile === undefined ? token : readTokenFile(tokenFile);
}

/** Undefined for plain text. */
function tlsFiles(flags: ConnectionFlags): ClientTlsFiles | undefined {
  const { tlsCa, tlsCert, tlsKey } = flags;
  if (tlsCa === undefined && tlsCert === undefined) return undefined;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw DomainError.invalid('--tls-cert', 'goes together with --tls-key');
  return {
    ...(tlsCa === undefined ? {} : { caFile: tlsCa }),
    ...(tlsCert === undefined || tlsKey === undefined ? {} : { certFile: tlsCert, keyFile: tlsKey }),
  };
}

/** The resource name of a search, of its id or of the name itself. */
export function searchName({ parent }: Session, search: string): string {
  return search.includes('/') ? search : `${parent}/searches/${search}`;
}
