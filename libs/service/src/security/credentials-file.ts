import { DomainError, isDomainError } from '@nat/base/errors';
import { parseGrant, type Grant } from './caller.ts';

/** One line of a file of credentials. */
export interface GrantedName {
  /** A token, or a name in a certificate. */
  readonly name: string;
  readonly grant: Grant;
}

const EVERYTHING: Grant = { namespaces: '*', role: 'admin' };

/**
 * Reads `NAME [NAMESPACES ROLE]` a line: namespaces separated by commas or `*`, a role of `ROLES`; a name alone may do everything. Empty lines and lines
 * that start with # do not count.
 * @throws DomainError FAILED_PRECONDITION naming the line (never what is on it: it may be a secret)
 */
export function parseCredentials(text: string, path: string): readonly GrantedName[] {
  const credentials = text.split('\n').flatMap((line, index) => {
    const [name, namespaces, role, ...rest] = line.trim().split(/\s+/);
    if (name === undefined || name === '' || name.startsWith('#')) return [];
    if (namespaces === undefined) return [{ name, grant: EVERYTHING }];
    const bad = (why: string): DomainError =>
      new DomainError('FAILED_PRECONDITION', `${path}, line ${String(index + 1)}: ${why}`, { reason: 'BAD_CREDENTIALS_FILE' });
    if (role === undefined || rest.length > 0) throw bad('a line holds a token or name, its namespaces and its role');
    try {
      return [{ name, grant: parseGrant(namespaces.split(','), role) }];
    } catch (error) {
      throw isDomainError(error) ? bad(error.message) : error;
    }
  });
  if (credentials.length === 0) throw new DomainError('FAILED_PRECONDITION', `${path} holds no credentials`, { reason: 'NO_TOKENS' });
  return credentials;
}
