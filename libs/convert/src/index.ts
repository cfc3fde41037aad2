export { architectureFromSpec, architectureToSpec } from './architecture-spec.ts';
export { costToWire, placementFromWire, placementToWire } from './placement.ts';
export { architectureFromSource, architectureFromSubject, architectureFromText, architectureToSubject, type ArchitectureLookup } from './source.ts';
export { blobsOf, blobsOfReport, blobsOfSpec, weightsOfSpec } from './evaluation-blobs.ts';
export { fromDuration, toDuration } from './duration.ts';
