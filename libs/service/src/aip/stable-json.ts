import { createHash } from 'node:crypto';

/** JSON with the keys of every object in order, so that equal values give equal text. Undefined members are left out. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : member,
  );
}

/** The first `length` characters of the value's SHA-256 in base64url: 6 bits a character. */
export function shortHash(value: unknown, length = 22): string {
  return createHash('sha256').update(stableJson(value)).digest('base64url').slice(0, length);
}
