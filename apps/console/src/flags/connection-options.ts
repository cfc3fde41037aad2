import { Option } from 'commander';

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
