import { describe, expect, it } from 'vitest';
import { computeEtag, requireEtag } from './etag.ts';
import { shortHash, stableJson } from './stable-json.ts';

describe('etags', () => {
  it('follow the value, not the order of its keys', () => {
    expect(computeEtag({ a: 1, b: [2, { d: 1, c: 2 }] })).toBe(computeEtag({ b: [2, { c: 2, d: 1 }], a: 1 }));
    expect(computeEtag({ a: 1 })).not.toBe(computeEtag({ a: 2 }));
    expect(stableJson({ b: undefined, a: null })).toBe('{"a":null}');
    expect(shortHash([1, 2])).not.toBe(shortHash([2, 1]));
  });

  it('stop a write that knows another version', () => {
    expect(() => {
      requireEtag('"x"', '"y"', 'namespaces/a');
    }).toThrow(expect.objectContaining({ kind: 'ABORTED', reason: 'ETAG_MISMATCH' }));
    requireEtag('', '"y"', 'r');
    requireEtag('"y"', '"y"', 'r');
  });
});
