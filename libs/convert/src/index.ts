export { architectureFromRef, architectureToRef, evaluableRef, refOfText, resolveArchitecture, type ArchitectureLookup } from './architecture-ref.ts';
export { architectureFromSpec, architectureToSpec } from './architecture-spec.ts';
export { certificateFromWire, certificateToWire, type CertifiedCost } from './certificate.ts';
export { boundsFromWire, boundsToWire, costFromWire, costToWire, sharesFromWire } from './cost.ts';
export { fromDuration, toDuration } from './duration.ts';
export { edgeEditToWire, editsFromWire, type DecidedEdge } from './edits.ts';
export { blobsOf, blobsOfReport, blobsOfSpec, weightsOfSpec } from './evaluation-blobs.ts';
export {
  candidatesOf,
  EVALUATION_KINDS,
  evaluationKindField,
  evaluationKindFromWire,
  evaluationKindOf,
  evaluationKindToWire,
  tableName,
  type EvaluationKindName,
} from './evaluation-kind.ts';
export { FORMATS, formatFromWire, formatToWire, type FormatName } from './format.ts';
export { imageSizeFromWire, imageSizeToWire, placementFromWire, placementToWire } from './placement.ts';
export { encoderFromWire, encoderToWire, maskingFromWire, maskingToWire, schemeFromWire, schemeToWire, type EncoderName } from './scheme.ts';
export { upgradeArchitectureRef, upgradeArchitectureSpec, upgradePlacement } from './stored/architectures.ts';
export { rewriteMessage, within } from './stored/rewrite.ts';
export { transformedSourceToWire, transformToWire, viewFromWire, type ResponseView, type Transform } from './transform-result.ts';
