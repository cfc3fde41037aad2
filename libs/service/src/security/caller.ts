import { DomainError } from '@nat/base/errors';

/**
 * What a caller may do in its namespaces. `reader` reads and computes; `editor` also creates, changes and deletes; `worker` takes evaluations from the
 * queue and nothing else; `service` (a process of the platform) and `admin` (a person) may call every method, and are told apart in the audit log.
 */
export const ROLES = ['reader', 'editor', 'worker', 'service', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What credentials allow. */
export interface Grant {
  /** Names of namespaces; `'*'`: all of them. */
  readonly namespaces: ReadonlySet<string> | '*';
  readonly role: Role;
}

/** Who calls, as its credentials say. */
export interface Caller extends Grant {
  /** Never a secret: `token:` and the start of its digest, a JWT's `sub`, or a name in a certificate. */
  readonly subject: string;
  readonly credentials: 'token' | 'jwt' | 'certificate';
}

const NAMESPACE = /^[a-z0-9-]{1,63}$/;

const isRole = (role: string): role is Role => (ROLES as readonly string[]).includes(role);

/**
 * A grant of names and a role as files and claims spell them.
 * @throws DomainError FAILED_PRECONDITION BAD_GRANT saying what is wrong with it
 */
export function parseGrant(namespaces: readonly string[], role: string): Grant {
  const bad = (why: string): DomainError => new DomainError('FAILED_PRECONDITION', why, { reason: 'BAD_GRANT' });
  if (!isRole(role)) throw bad(`the role is one of ${ROLES.join(', ')}`);
  if (namespaces.length === 0) throw bad('a grant names at least one namespace, or * for all');
  if (namespaces.includes('*')) return { namespaces: '*', role };
  const wrong = namespaces.find((name) => !NAMESPACE.test(name) || name === '-');
  if (wrong !== undefined) throw bad('a namespace is 1 to 63 lower-case letters, digits and hyphens, or * for all');
  // The queue is one for all namespaces, so a worker is trusted with all of them.
  if (role === 'worker') throw bad('a worker serves every namespace: its namespaces are *');
  return { namespaces: new Set(namespaces), role };
}
