/** The lists of references as text: a line with the moment, then one key a line. */
import { DomainError } from '@nat/base/errors';
import { isBlobKey, requireBlobKey, type BlobKey, type CollectOptions, type ReferenceList } from './blob-store.ts';

const OWNER = /^[a-z0-9][a-z0-9-]{0,99}$/;

/** @throws DomainError INVALID_ARGUMENT for an owner or a key that is none */
export function writeReferenceList({ owner, takenAt, keys }: ReferenceList): string {
  if (!isOwner(owner)) throw DomainError.invalid('owner', `${owner} is not 1 to 100 of a-z, 0-9 and hyphens`, 'INVALID_OWNER');
  for (const key of keys) requireBlobKey(key);
  return [takenAt.toISOString(), ...[...keys].sort(), ''].join('\n');
}

export function isOwner(name: string): boolean {
  return OWNER.test(name);
}

/** @throws DomainError DATA_LOSS REFERENCES_CORRUPT */
export function readReferenceList(owner: string, text: string): ReferenceList {
  const [moment = '', ...keys] = text.split('\n');
  const takenAt = new Date(moment);
  // Written whole, the text ends with a line break.
  if (Number.isNaN(takenAt.getTime()) || keys.pop() !== '' || !keys.every(isBlobKey)) {
    throw new DomainError('DATA_LOSS', `the references of ${owner} cannot be read`, { reason: 'REFERENCES_CORRUPT', metadata: { owner } });
  }
  return { owner, takenAt, keys: new Set(keys) };
}

/**
 * The keys that must stay.
 * @throws DomainError FAILED_PRECONDITION REFERENCES_UNKNOWN when the lists do not say what is referenced now
 */
export function referencedKeys(lists: readonly ReferenceList[], { before, services }: CollectOptions): ReadonlySet<BlobKey> {
  const refuse = (owner: string, why: string): DomainError =>
    new DomainError('FAILED_PRECONDITION', `blobs are not collected: ${why}`, { reason: 'REFERENCES_UNKNOWN', metadata: { owner } });
  for (const service of services) {
    if (!lists.some(({ owner }) => owner === service || owner.startsWith(`${service}-`))) throw refuse(service, `${service} has not published its references`);
  }
  const stale = lists.find(({ takenAt }) => takenAt < before);
  if (stale !== undefined) throw refuse(stale.owner, `the references of ${stale.owner} are from ${stale.takenAt.toISOString()}`);
  return new Set(lists.flatMap(({ keys }) => [...keys]));
}
