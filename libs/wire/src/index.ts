export { architectureFromSpec, architectureToSpec } from './architecture-spec.ts';
export { costToWire, placementFromWire, placementToWire } from './placement.ts';
