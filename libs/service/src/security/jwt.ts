/** OIDC access tokens: JSON Web Tokens (RFC 7519) signed with an asymmetric key of the issuer's JWK set (RFC 7517). */
import { DomainError, isDomainError } from '@nat/base/errors';
import { createLocalJWKSet, createRemoteJWKSet, errors, jwtVerify, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { isLoopback } from './tls.ts';
import { watchFile } from './watched-file.ts';
import { parseGrant, type Caller } from './caller.ts';

export interface JwtOptions {
  /** `iss`, exactly. */
  readonly issuer: string;
  /** One of `aud`. */
  readonly audience: string;
  /** Where the issuer's public keys are: a URL (https, or http on loopback) or a file. */
  readonly keys: { readonly url: string } | { readonly file: string };
  /** Between two fetches of the key set for a key that it does not hold. @default 30 s */
  readonly cooldownMs?: number;
}

/** The claims that grant: an array of namespaces (`"*"`: all), and a role. */
const NAMESPACES_CLAIM = 'nat_namespaces';
const ROLE_CLAIM = 'nat_role';

/** Asymmetric signatures only: with a symmetric one, whoever can check a token can make one, and a public key could pass for the secret. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const CLOCK_TOLERANCE_S = 30;
const FETCH_TIMEOUT_MS = 5_000;
const KEYS_MAX_AGE_MS = 10 * 60_000;

const keySet = (text: string): JWTVerifyGetKey => createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);

function keysOf({ keys, cooldownMs = 30_000 }: JwtOptions): JWTVerifyGetKey {
  if ('file' in keys) {
    const current = watchFile(keys.file, { parse: keySet });
    return (header, token) => current()(header, token);
  }
  const url = URL.parse(keys.url);
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)))) {
    throw new DomainError('FAILED_PRECONDITION', 'NAT_AUTH_JWKS_URL is an https address: whoever can change the keys can be anybody', {
      reason: 'BAD_CONFIGURATION',
    });
  }
  return createRemoteJWKSet(url, { cooldownDuration: cooldownMs, timeoutDuration: FETCH_TIMEOUT_MS, cacheMaxAge: KEYS_MAX_AGE_MS });
}

const asList = (claim: unknown): readonly string[] =>
  typeof claim === 'string' ? claim.split(/[\s,]+/).filter((name) => name !== '') : Array.isArray(claim) ? claim.map(String) : [];

/** Whether the issuer's keys could not be had, as opposed to a token that they do not fit. */
function isUnreachable(error: unknown): boolean {
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) return true;
  // jose reports a bad status of the key server as a plain JOSEError, and a failed connection as fetch's own error.
  return error instanceof errors.JOSEError ? error.code === errors.JOSEError.code : !isDomainError(error);
}

/**
 * Checks signature, issuer, audience and times of a token and reads what it grants.
 * The returned function throws UNAUTHENTICATED for a token that does not hold, and UNAVAILABLE when the keys cannot be had.
 * @throws DomainError FAILED_PRECONDITION BAD_CONFIGURATION for an address that is not safe; what reading a file of keys throws
 */
export function createJwtVerifier(options: JwtOptions): (token: string) => Promise<Caller> {
  const keys = keysOf(options);
  const { issuer, audience } = options;
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['exp', 'sub'],
      });
      const role = payload[ROLE_CLAIM];
      const grant = parseGrant(asList(payload[NAMESPACES_CLAIM]), typeof role === 'string' ? role : '');
      return { ...grant, subject: payload.sub ?? '', credentials: 'jwt' };
    } catch (error) {
      if (isUnreachable(error)) throw new DomainError('UNAVAILABLE', 'the keys of the token issuer cannot be had', { reason: 'NO_ISSUER_KEYS', cause: error });
      const why = isDomainError(error) ? `claims ${NAMESPACES_CLAIM} and ${ROLE_CLAIM}: ${error.message}` : explain(error);
      throw new DomainError('UNAUTHENTICATED', `the token is not accepted: ${why}`, { reason: 'INVALID_TOKEN', cause: error });
    }
  };
}

/** In words of ours: messages of a parser may quote what it parsed. */
function explain(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `its ${error.claim} does not fit`;
  if (error instanceof errors.JOSEAlgNotAllowed) return 'it is not signed with an asymmetric key';
  if (error instanceof errors.JWKSNoMatchingKey) return 'it is signed with a key that the issuer does not have';
  return 'its form or its signature is wrong';
}
