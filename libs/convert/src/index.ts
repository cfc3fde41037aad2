export { architectureFromRef, architectureToRef, evaluableRef, refOfText, resolveArchitecture, type ArchitectureLookup } from './architecture-ref.ts';
export { architectureFromSpec, architectureToSpec } from './architecture-spec.ts';
export { boundsFromWire, boundsToWire, costToWire } from './cost.ts';
export { fromDuration, toDuration } from './duration.ts';
export { blobsOf, blobsOfReport, blobsOfSpec, weightsOfSpec } from './evaluation-blobs.ts';
export {
  candidatesOf,
  EVALUATION_KINDS,
  evaluationKindFromWire,
  evaluationKindOf,
  evaluationKindToWire,
  tableName,
  type EvaluationKindName,
} from './evaluation-kind.ts';
export { placementFromWire, placementToWire } from './placement.ts';
export { maskingFromWire, maskingToWire, schemeFromWire, schemeToWire } from './scheme.ts';
