export { readArchitectureArgument, readRef } from './architectures/read-argument.ts';
export type { CommandContext } from './context.ts';
export { readEnvironment, type Environment } from './environment.ts';
export { connectionOptions, type ConnectionFlags } from './flags/connection-options.ts';
export { bound, type BoundFlag, datasetName, evaluationId, integer, number } from './flags/parsers.ts';
export { placementOptions, readPlacement, type PlacementFlags } from './flags/placement.ts';
export { table } from './terminal/table.ts';
export { processTerminal, type Terminal } from './terminal/terminal.ts';
