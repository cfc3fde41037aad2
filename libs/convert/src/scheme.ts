import type { SchemeName } from '@nat/cells';
import { architecture as wire, transform } from '@nat/contracts';

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
