export { buildCell, type CellLayer, type CellOptions } from './cell.ts';
export type { DropPath, Layer, Pass } from './layer.ts';
export { buildNetwork, type BuildOptions, type NetworkLayer, type NetworkOutput } from './network.ts';
export { operationLayer, type OperationPlace } from './operations.ts';
export { Weights, type ParameterSpec } from './weights.ts';
