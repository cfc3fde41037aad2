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

  it('opens a size of square images', () => {
    const placementOf = (placement: object) => readStoredSpec({ space: 'darts', placement }).placement;
    expect(placementOf({ network: 'NETWORK_SUPERNET', channels: 16, imageSize: 48 })).toMatchObject({ channels: 16, imageSize: { height: 48, width: 48 } });
    expect(placementOf({ imageSize: { height: 32, width: 64 } })).toMatchObject({ imageSize: { height: 32, width: 64 } });
    expect(placementOf({ layers: 3 })).toMatchObject({ layers: 3, imageSize: undefined });
  });
});
