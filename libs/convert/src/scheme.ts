import type { SchemeName } from '@nat/cells';
import { architecture as wire, type transform, type policy } from '@nat/contracts';

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

const WIRE_MASKINGS = {
  'total-cost': 'MASKING_TOTAL',
  'cost-masked': 'MASKING_COST',
  official: 'MASKING_OFFICIAL',
} as const satisfies Record<string, transform.Masking>;

/** Which replacements a policy may choose among. */
export type MaskingName = keyof typeof WIRE_MASKINGS;

/** Undefined where none is named. */
export function maskingFromWire(masking: transform.Masking): MaskingName | undefined {
  return (['total-cost', 'cost-masked', 'official'] as const).find((name) => WIRE_MASKINGS[name] === masking);
}

/** The inverse of `maskingFromWire`. */
export function maskingToWire(mode: MaskingName | undefined): transform.Masking {
  return mode === undefined ? 'MASKING_UNSPECIFIED' : WIRE_MASKINGS[mode];
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
