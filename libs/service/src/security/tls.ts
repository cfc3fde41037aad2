import { ChannelCredentials, experimental, ServerCredentials } from '@grpc/grpc-js';
import { CertificateFiles } from './certificate-files.ts';
import type { Logger } from '../observability/logger.ts';

/** PEM files of a server. They are read again when they change. */
export interface ServerTlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities of client certificates; with it every client must present one (mutual TLS). */
  readonly clientCaFile?: string;
}

/** PEM files of a client. They are read again when they change. */
export interface ClientTlsFiles {
  /** Authorities of the server's certificate. @default those of the system */
  readonly caFile?: string;
  /** The client's own certificate and key, for mutual TLS. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The name expected in the server's certificate, where it differs from the address. */
  readonly serverName?: string;
}

/** TLS 1.2 and newer: Node's own lower bound. Reads the files now; throws what reading throws. */
export function serverCredentials(files: ServerTlsFiles | undefined, logger?: Logger): ServerCredentials {
  if (files === undefined) return ServerCredentials.createInsecure();
  const { certFile, keyFile, clientCaFile } = files;
  const certificates = new CertificateFiles({ certFile, keyFile, caFile: clientCaFile }, logger);
  const mutual = clientCaFile !== undefined;
  // The identity first: grpc-js names its parameters the other way round.
  return experimental.createCertificateProviderServerCredentials(certificates, mutual ? certificates : null, mutual);
}

/** Reads the files now; throws what reading throws. */
export function clientCredentials(files: ClientTlsFiles | undefined, logger?: Logger): ChannelCredentials {
  if (files === undefined) return ChannelCredentials.createInsecure();
  const certificates = new CertificateFiles(files, logger);
  return experimental.createCertificateProviderChannelCredentials(certificates, files.certFile === undefined ? null : certificates);
}

/** True for addresses that only this machine reaches: 127.0.0.0/8, ::1, localhost and Unix sockets. */
export function isLoopback(host: string): boolean {
  return /^(127(\.\d{1,3}){3}|\[?::1\]?|localhost|unix:.*)$/i.test(host);
}
