import { describe, expect, it } from 'vitest';
import { readStoredSpec } from './stored-spec.ts';

describe('stored specifications', () => {
  it('opens what an earlier version stored under other names', () => {
    const stored = { space: 'darts', evaluator: 'shared-weights', seed: '7', scheme: 'SCHEME_NAT', masking: 'MASKING_PARITY', split: 'SEARCH_SPLIT_PARITY' };
    expect(readStoredSpec(stored)).toMatchObject({
      space: 'darts',
      seed: 7,
      scheme: 'SCHEME_NAT',
      masking: 'MASKING_OFFICIAL',
      split: 'SEARCH_SPLIT_OFFICIAL',
    });
  });
});
