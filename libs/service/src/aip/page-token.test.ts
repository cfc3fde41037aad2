import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodePageToken, encodePageToken, pageSize } from './page-token.ts';

const scope = { method: 'ListArchitectures', parent: 'namespaces/default', filter: 'labels.a="b"' };
const position = z.tuple([z.string(), z.number()]);

describe('page tokens', () => {
  it('give their position back in the same list', () => {
    const token = encodePageToken(['müller', 7], scope);
    expect(token).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(decodePageToken(token, { ...scope }, position)).toEqual(['müller', 7]);
    expect(decodePageToken('', scope, position)).toBeUndefined();
  });

  it('are refused in a list with another filter or parent', () => {
    const token = encodePageToken(['a', 7], scope);
    for (const other of [{ ...scope, filter: '' }, { ...scope, parent: 'namespaces/other' }, {}]) {
      expect(() => decodePageToken(token, other, position)).toThrow(/another parent, filter or order/);
    }
  });

  it('are refused after any change', () => {
    const token = encodePageToken(['a', 7], scope);
    for (let index = 0; index < token.length; index += 1) {
      const replaced = token[index] === 'A' ? 'B' : 'A';
      const changed = token.slice(0, index) + replaced + token.slice(index + 1);
      // The last character may carry bits that base64url does not use.
      if (Buffer.from(changed, 'base64url').equals(Buffer.from(token, 'base64url'))) continue;
      expect(() => decodePageToken(changed, scope, position), changed).toThrow(
        expect.objectContaining({ kind: 'INVALID_ARGUMENT', reason: 'INVALID_PAGE_TOKEN' }),
      );
    }
    for (const text of ['x', '%%%', 'e30', Buffer.from('[2,"a","b","c"]').toString('base64url'), Buffer.from('null').toString('base64url')]) {
      expect(() => decodePageToken(text, scope, position), text).toThrow(expect.objectContaining({ reason: 'INVALID_PAGE_TOKEN' }));
    }
    expect(() => decodePageToken(encodePageToken('another shape', scope), scope, position)).toThrow(/not a token of this list/);
  });

  it('come with pages of a bounded size', () => {
    expect([pageSize(0), pageSize(7), pageSize(5000), pageSize(0, 10, 50)]).toEqual([100, 7, 1000, 10]);
  });
});
