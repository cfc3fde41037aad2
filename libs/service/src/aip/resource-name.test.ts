import { describe, expect, it } from 'vitest';
import { resourceNames } from './resource-name.ts';

describe('resource names', () => {
  const names = resourceNames('namespaces/{namespace}/policies/{policy}/versions/{version}');

  it('are formatted and parsed', () => {
    const ids = { namespace: 'default', policy: 'nat++', version: '3' };
    expect(names.format(ids)).toBe('namespaces/default/policies/nat++/versions/3');
    expect(names.parse(names.format(ids))).toEqual(ids);
  });

  it.each([
    '',
    'namespaces/default/policies/p',
    'namespaces//policies/p/versions/1',
    'namespaces/a/policies/b/versions/1/x',
    'namespaces/a/policies/b c/versions/1',
  ])('refuse %j', (name) => {
    expect(names.matches(name)).toBe(false);
    expect(() => names.parse(name, 'policy')).toThrow(
      expect.objectContaining({ reason: 'INVALID_NAME', violations: [expect.objectContaining({ field: 'policy' })] }),
    );
  });
});
