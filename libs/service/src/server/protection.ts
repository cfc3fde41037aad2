import { DomainError } from '@nat/base/errors';
import type { Authenticate } from '../security/authentication.ts';
import { isLoopback, type ServerTlsFiles } from '../security/tls.ts';

/** What stands between a listening address and the world. */
export interface Protection {
  readonly tls?: ServerTlsFiles;
  /** Says who calls; what they may do then follows from it. @default nobody is asked, and everything is allowed */
  readonly authenticate?: Authenticate;
  /** Where the audit log is written. @default into the log, its lines marked `audit: true` */
  readonly auditFile?: string;
}

/** @throws DomainError FAILED_PRECONDITION UNPROTECTED_ADDRESS where TLS or authentication is missing beyond loopback */
export function requireProtection(host: string, { tls, authenticate }: Protection): void {
  if (isLoopback(host)) return;
  const missing = [
    ...(tls === undefined ? ['TLS (a certificate and its key)'] : []),
    ...(authenticate === undefined && tls?.clientCaFile === undefined ? ['authentication (client certificates or bearer tokens)'] : []),
  ];
  if (missing.length === 0) return;
  throw new DomainError('FAILED_PRECONDITION', `refusing to listen on ${host}: beyond loopback ${missing.join(' and ')} must be configured`, {
    reason: 'UNPROTECTED_ADDRESS',
  });
}
