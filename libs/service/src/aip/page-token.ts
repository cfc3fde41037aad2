/**
 * Page tokens: opaque, versioned, and bound to the list they continue. A token carries a checksum, not a signature: it
 * keeps accidents out, and gives nobody access to anything, since a position only ever narrows the caller's own list.
 */
import { DomainError } from '@nat/base/errors';
import { z } from 'zod';
import { shortHash } from './stable-json.ts';

const VERSION = 1;
const envelope = z.tuple([z.literal(VERSION), z.string(), z.unknown(), z.string()]);

/** All that must stay the same between pages: method or parent, filter, order. Not the page size. */
export type PageScope = Readonly<Record<string, string | number | boolean | undefined>>;

const refuse = (description: string): DomainError => DomainError.invalid('page_token', description, 'INVALID_PAGE_TOKEN');

/** The token of the page after `position`, which is any JSON value, such as the last row's sort key. */
export function encodePageToken(position: unknown, scope: PageScope): string {
  const scopeHash = shortHash(scope, 16);
  return Buffer.from(JSON.stringify([VERSION, scopeHash, position, shortHash([VERSION, scopeHash, position], 16)])).toString('base64url');
}

/** The position in the token; undefined for the empty token of a first page. Throws INVALID_ARGUMENT for any other. */
export function decodePageToken<Position>(token: string, scope: PageScope, schema: z.ZodType<Position>): Position | undefined {
  if (token === '') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch {
    throw refuse('not a token of this service');
  }
  const result = envelope.safeParse(parsed);
  if (!result.success) throw refuse('not a token of this service, or of another version of it');
  const [version, scopeHash, position, checksum] = result.data;
  if (checksum !== shortHash([version, scopeHash, position], 16)) throw refuse('not a token of this service');
  if (scopeHash !== shortHash(scope, 16)) throw refuse('belongs to a list with another parent, filter or order');
  const checked = schema.safeParse(position);
  if (!checked.success) throw refuse('not a token of this list');
  return checked.data;
}

/** The size asked for, `fallback` for 0, never more than `most`. */
export function pageSize(asked: number, fallback = 100, most = 1000): number {
  return asked === 0 ? fallback : Math.min(asked, most);
}
