import type { PeerCertificate } from 'node:tls';
import { DomainError } from '@nat/base/errors';
import type { Logger } from '../observability/logger.ts';
import { watchFile } from './watched-file.ts';
import { createTokenLookup } from './bearer-tokens.ts';
import type { Caller } from './caller.ts';
import { createCertificateLookup } from './certificate-caller.ts';
import { parseCredentials } from './credentials-file.ts';
import { createJwtVerifier, type JwtOptions } from './jwt.ts';

/** What a call shows of its caller. */
export interface Credentials {
  /** The header `authorization`. */
  readonly authorization: string | undefined;
  /** The client certificate, where TLS has verified one. Costly to ask for. */
  readonly certificate: () => PeerCertificate | undefined;
}

/** Says who calls. @throws DomainError UNAUTHENTICATED when a call may not go on */
export type Authenticate = (credentials: Credentials, logger: Logger) => Caller | Promise<Caller>;

export interface AuthenticationOptions {
  /** One token a line with its namespaces and role, see `parseCredentials`; read again when it changes. */
  readonly tokensFile?: string;
  readonly jwt?: JwtOptions;
  /** Whether a client certificate alone makes a caller. */
  readonly certificates?: boolean;
  /** Names in certificates with their namespaces and role; read again when it changes. @default every certificate is a service */
  readonly certificatesFile?: string;
}

/**
 * A bearer token, where one is sent, decides; else the client certificate does. So a gateway with a certificate of its own speaks for its caller, and a
 * service that calls by itself speaks for itself.
 * @throws DomainError FAILED_PRECONDITION for a file that says nothing, or makes no sense
 */
export function createAuthentication({ tokensFile, jwt, certificates = false, certificatesFile }: AuthenticationOptions): Authenticate {
  const credentialsIn = (path: string) => (text: string) => parseCredentials(text, path);
  const tokens = tokensFile === undefined ? undefined : watchFile(tokensFile, { parse: (text) => createTokenLookup(credentialsIn(tokensFile)(text)) });
  const listed =
    certificatesFile === undefined
      ? undefined
      : watchFile(certificatesFile, { parse: (text) => createCertificateLookup(credentialsIn(certificatesFile)(text)) });
  const verify = jwt === undefined ? undefined : createJwtVerifier(jwt);
  const anyCertificate = createCertificateLookup();

  const byToken = (token: string, logger: Logger): Caller | Promise<Caller> => {
    const caller = tokens?.(logger)(token);
    if (caller !== undefined) return caller;
    if (verify !== undefined) return verify(token);
    throw new DomainError('UNAUTHENTICATED', 'the bearer token is not known here', { reason: 'INVALID_TOKEN' });
  };

  const byCertificate = (certificate: PeerCertificate | undefined, logger: Logger): Caller => {
    if (certificate === undefined) {
      const wanted = [...(tokens === undefined && verify === undefined ? [] : ['a bearer token']), ...(certificates ? ['a client certificate'] : [])];
      throw new DomainError('UNAUTHENTICATED', `${wanted.join(' or ')} is required`, { reason: 'MISSING_CREDENTIALS' });
    }
    const caller = (listed?.(logger) ?? anyCertificate)(certificate);
    if (caller !== undefined) return caller;
    throw new DomainError('UNAUTHENTICATED', 'no name in the client certificate is known here', { reason: 'UNKNOWN_CERTIFICATE' });
  };

  return ({ authorization, certificate }, logger) => {
    const [scheme, token] = authorization?.split(' ') ?? [];
    // Where only certificates count, a token is for the service behind.
    if (scheme?.toLowerCase() === 'bearer' && token !== undefined && (tokens !== undefined || verify !== undefined)) return byToken(token, logger);
    return byCertificate(certificates ? certificate() : undefined, logger);
  };
}
