import { DomainError } from '@nat/base/errors';
import { shortHash } from './stable-json.ts';

/** A tag that changes with `value`: give it what makes a version of the resource, such as its name and revision. */
export function computeEtag(value: unknown): string {
  return `"${shortHash(value)}"`;
}

/** Throws ABORTED when the caller knows another version; an empty tag asks for no check. */
export function requireEtag(sent: string, current: string, resource: string): void {
  if (sent === '' || sent === current) return;
  throw new DomainError('ABORTED', `${resource} has changed since it was read`, { reason: 'ETAG_MISMATCH', metadata: { resource, etag: current } });
}
