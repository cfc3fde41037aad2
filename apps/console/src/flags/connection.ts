import { DomainError } from '@nat/base/errors';
import { openSession as open, type ConnectOptions, type Session } from '@nat/platform/session';
import { createLogger, readTokenFile, type ClientChannelOptions, type ClientTlsFiles } from '@nat/service';
import { Option } from 'commander';
import type { CommandContext } from '../context.ts';

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
