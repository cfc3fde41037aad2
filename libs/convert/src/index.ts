export { architectureFromRef, architectureToRef, evaluableRef, refOfText, resolveArchitecture, type ArchitectureLookup } from './architecture-ref.ts';
export { architectureFromSpec, architectureToSpec } from './architecture-spec.ts';
export { boundsFromWire, boundsToWire, costToWire } from './cost.ts';
export { fromDuration, toDuration } from './duration.ts';
export { blobsOf, blobsOfReport, blobsOfSpec, weightsOfSpec } from './evaluation-blobs.ts';
export { placementFromWire, placementToWire } from './placement.ts';
export { maskingFromWire, maskingToWire, schemeFromWire, schemeToWire } from './scheme.ts';
