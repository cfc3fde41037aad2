import { search as wire } from '@nat/contracts';
import { fillDefaults, type EffectiveSearchSpec } from '@nat/nat';
import { searchSpecFromWire, searchSpecToWire } from './search-spec-converter.ts';

/** What a stored search runs. Defaults that were not there yet when it was stored are filled in. */
export function readEffectiveSpec({ effective_spec: stored }: { readonly effective_spec: unknown }): EffectiveSearchSpec {
  return fillDefaults(searchSpecFromWire(wire.SearchSpec.fromJSON(stored)));
}

/** As `readEffectiveSpec` reads it: protobuf JSON. */
export function writeEffectiveSpec(spec: EffectiveSearchSpec): unknown {
  return wire.SearchSpec.toJSON(searchSpecToWire(spec));
}
