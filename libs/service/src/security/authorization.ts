import { DomainError } from '@nat/base/errors';
import type { Caller } from './caller.ts';
import { accessOf, roleMay, type MethodAccess } from './method-access.ts';

const PREFIX = 'namespaces/';

/** The namespace of a resource name; `-`, which stands for all of them, is nobody's but theirs who have all. */
const namespaceOf = (name: string): string => name.slice(PREFIX.length).split('/', 1)[0] ?? '';

/**
 * Every resource name in a decoded request, wherever it stands: a field that is added to a contract is covered the day it is added. Text that only
 * looks like a name counts as one.
 * @param limit how many values are looked at
 */
export function resourceNamesIn(request: unknown, limit = Infinity): readonly string[] {
  const names = new Set<string>();
  const waiting: unknown[] = [request];
  for (let looked = 0; waiting.length > 0 && looked < limit; looked += 1) {
    const value = waiting.pop();
    if (typeof value === 'string') {
      if (value.startsWith(PREFIX)) names.add(value);
      continue;
    }
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof Date) continue;
    for (const [key, item] of Object.entries(value)) {
      if (key.startsWith(PREFIX)) names.add(key);
      if (typeof item === 'string' || typeof item === 'object') waiting.push(item);
    }
  }
  return [...names];
}

/** What a method needs of its caller. @throws DomainError PERMISSION_DENIED for a role that may not call it, and for a method that nobody classified */
export function authorizeMethod(path: string, caller: Caller): MethodAccess {
  const access = accessOf(path);
  if (access === undefined) throw new DomainError('PERMISSION_DENIED', `${path} is open to nobody`, { reason: 'METHOD_UNKNOWN' });
  if (roleMay(caller.role, access)) return access;
  throw new DomainError('PERMISSION_DENIED', `the role ${caller.role} may not call ${path}`, { reason: 'ROLE_DENIED', metadata: { role: caller.role } });
}

/**
 * Holds a request to the namespaces of its caller.
 * @param first false for the later messages of a stream: the first one named what it is about
 * @throws DomainError PERMISSION_DENIED for a resource of another namespace, and for a request that names none where it should
 */
export function authorizeRequest(request: unknown, { nameless }: MethodAccess, caller: Caller, first: boolean): void {
  const { namespaces } = caller;
  if (namespaces === '*') return;
  const names = resourceNamesIn(request);
  const denied = names.find((name) => !namespaces.has(namespaceOf(name)));
  if (denied !== undefined) {
    const namespace = namespaceOf(denied);
    throw new DomainError('PERMISSION_DENIED', `no access to the namespace ${namespace}`, { reason: 'NAMESPACE_DENIED', metadata: { namespace } });
  }
  if (names.length > 0 || nameless || !first) return;
  throw new DomainError('PERMISSION_DENIED', 'the request names no resource of a namespace, so it is for those who have all namespaces', {
    reason: 'NAMESPACE_DENIED',
  });
}
