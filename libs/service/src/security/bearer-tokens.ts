import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from './caller.ts';
import type { GrantedName } from './credentials-file.ts';

const digest = (token: string): Buffer => createHash('sha256').update(token).digest();

/** Finds whose token it is; compares in constant time. */
export function createTokenLookup(credentials: readonly GrantedName[]): (token: string) => Caller | undefined {
  const known = credentials.map(({ name, grant }) => {
    const hash = digest(name);
    return { hash, caller: { ...grant, subject: `token:${hash.toString('hex').slice(0, 12)}`, credentials: 'token' } satisfies Caller };
  });
  return (token) => {
    const sent = digest(token);
    // Every token is compared, so that time tells nothing of which one is near.
    return known.filter(({ hash }) => timingSafeEqual(hash, sent))[0]?.caller;
  };
}
