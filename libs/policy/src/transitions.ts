import type { PrimitiveName, SchemeName } from '@nat/architecture';
export function transitionTargets(scheme: SchemeName, before: PrimitiveName): readonly PrimitiveName[] {
  if (scheme !== 'nat') throw new Error('nat++ not yet');
  return ['null', before, 'skip_connect'];
}
