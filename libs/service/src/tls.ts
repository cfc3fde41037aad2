import { readFileSync } from 'node:fs';
import { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';

/** PEM files of a server. */
export interface ServerTlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities of client certificates; with it every client must present one (mutual TLS). */
  readonly clientCaFile?: string;
}

/** PEM files of a client. */
export interface ClientTlsFiles {
  /** Authorities of the server's certificate. @default those of the system */
  readonly caFile?: string;
  /** The client's own certificate and key, for mutual TLS. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name expected in the server's certificate, where it differs from the address. */
  readonly serverName?: string;
}

const read = (path: string | undefined): Buffer | null => (path === undefined ? null : readFileSync(path));

/** Reads the files now; throws what reading throws. */
export function serverCredentials(files: ServerTlsFiles | undefined): ServerCredentials {
  if (files === undefined) return ServerCredentials.createInsecure();
  const pair = { cert_chain: readFileSync(files.certFile), private_key: readFileSync(files.keyFile) };
  return ServerCredentials.createSsl(read(files.clientCaFile), [pair], files.clientCaFile !== undefined);
}

/** Reads the files now; throws what reading throws. */
export function clientCredentials(files: ClientTlsFiles | undefined): ChannelCredentials {
  if (files === undefined) return ChannelCredentials.createInsecure();
  return ChannelCredentials.createSsl(read(files.caFile), read(files.keyFile), read(files.certFile));
}

/** True for addresses that only this machine reaches: 127.0.0.0/8, ::1, localhost and Unix sockets. */
export function isLoopback(host: string): boolean {
  return /^(127(\.\d{1,3}){3}|\[?::1\]?|localhost|unix:.*)$/i.test(host);
}
