import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DomainError } from '@nat/errors';
import type { Metadata } from 'nice-grpc-common';

/** Throws UNAUTHENTICATED when a call may not go on. */
export type Authenticate = (path: string, metadata: Metadata) => void;

/** Probes carry no token and learn nothing but whether the server is up. */
const OPEN = /^\/grpc\.health\./;

const digest = (token: string): Buffer => createHash('sha256').update(token).digest();

/** Accepts `authorization: Bearer <token>` for any of the tokens; compares in constant time. */
export function bearerTokens(tokens: readonly string[]): Authenticate {
  const accepted = tokens.map(digest);
  return (path, metadata) => {
    if (OPEN.test(path)) return;
    const [scheme, token] = metadata.get('authorization')?.split(' ') ?? [];
    const sent = scheme?.toLowerCase() === 'bearer' && token !== undefined ? digest(token) : undefined;
    // Every token is compared, so that time tells nothing of which one is near.
    const matches = accepted.filter((one) => sent !== undefined && timingSafeEqual(one, sent)).length;
    if (matches === 0) throw new DomainError('UNAUTHENTICATED', 'a valid bearer token is required', { reason: 'INVALID_TOKEN' });
  };
}

/** Tokens of a file: one a line; empty lines and lines that start with # do not count. Throws when it holds none. */
export function readTokensFile(path: string): readonly string[] {
  const tokens = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (tokens.length === 0) throw new DomainError('FAILED_PRECONDITION', `${path} holds no token`, { reason: 'NO_TOKENS' });
  return tokens;
}
