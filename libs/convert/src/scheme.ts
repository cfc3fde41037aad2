import type { SchemeName } from '@nat/cells';
import { architecture as wire, transform, type policy } from '@nat/contracts';

/** Undefined where it is left to whoever is asked. */
export function schemeFromWire(scheme: wire.Scheme): SchemeName | undefined {
  switch (scheme) {
    case 'SCHEME_NAT':
      return 'nat';
    case 'SCHEME_NAT_PLUS_PLUS':
      return 'nat++';
    case 'SCHEME_UNSPECIFIED':
    case 'UNRECOGNIZED':
      return undefined;
  }
}

/** The inverse of `schemeFromWire`. */
export function schemeToWire(scheme: SchemeName | undefined): wire.Scheme {
  switch (scheme) {
    case 'nat':
      return wire.Scheme.SCHEME_NAT;
    case 'nat++':
      return wire.Scheme.SCHEME_NAT_PLUS_PLUS;
    case undefined:
      return wire.Scheme.SCHEME_UNSPECIFIED;
  }
}

/** Which replacements a policy may choose among. Unspecified means that none may add cost. */
export function maskingFromWire(masking: transform.Masking): 'cost-masked' | 'official' {
  return masking === 'MASKING_OFFICIAL' ? 'official' : 'cost-masked';
}

/** The inverse of `maskingFromWire`. */
export function maskingToWire(mode: 'cost-masked' | 'official'): transform.Masking {
  return mode === 'official' ? transform.Masking.MASKING_OFFICIAL : transform.Masking.MASKING_COST;
}

/** How policies read architectures, by the names that checkpoints have. */
export type EncoderName = 'edge' | 'pair';

const WIRE_ENCODERS = { edge: 'ENCODER_EDGE_GNN', pair: 'ENCODER_GCN' } as const satisfies Record<EncoderName, policy.Encoder>;

/** Undefined where none is named. */
export function encoderFromWire(encoder: policy.Encoder): EncoderName | undefined {
  return (['edge', 'pair'] as const).find((name) => WIRE_ENCODERS[name] === encoder);
}

/** The inverse of `encoderFromWire`. */
export function encoderToWire(encoder: EncoderName): policy.Encoder {
  return WIRE_ENCODERS[encoder];
}
