export {
  PRIMITIVES,
  type Architecture,
  type Cell,
  type CellOutput,
  type Cost,
  type Edge,
  type EdgeEdit,
  type FixedOperation,
  type Operation,
  type PlacementOptions,
  type PrimitiveName,
  type PrimitiveOperation,
  type SchemeName,
  type Skeleton,
} from './cell/types.ts';
export {
  FIXED,
  PRIMITIVE_INFO,
  computesTensor,
  figureCost,
  isEvenPool,
  isPrimitiveName,
  keepsChannels,
  operationCost,
  operationLabel,
  outputSize,
  primitive,
  primitiveAt,
  primitiveIndex,
  replaceOperation,
  sameOperation,
  takesActivation,
  type BatchNormalization,
  type OperationCost,
  type OperationFamily,
  type OperationShape,
  type PrimitiveInfo,
} from './cell/operations.ts';
export { outputNodes, type TensorShape } from './cell/shapes.ts';
export { ARCHITECTURE_LIMITS, findViolations, validateArchitecture } from './cell/validate.ts';
export { MAX_TEXT_LENGTH, readGenotype, writeGenotype } from './text/genotype.ts';
export { OFFICIAL_SPACES, officialSpace, type OfficialRepository, type OfficialSpace, type OperationType } from './zoo/official-spaces.ts';
export { findZooEntry, listZoo, zooArchitecture, type ZooEntry } from './zoo/zoo.ts';
export { NASBENCH201_OPERATIONS, readNasBench201, writeNasBench201 } from './text/nasbench201.ts';
export { JSON_VERSION, architectureFromJson, architectureToJson, readJson, writeJson } from './text/json.ts';
export { writeDot, type DotOptions } from './draw/dot.ts';
export { writeSvg, type SvgOptions } from './draw/svg.ts';
export { drawTerminal, type TerminalOptions } from './draw/terminal.ts';
export { formatArchitecture, readArchitecture, type ArchitectureText } from './text/text.ts';
export type {
  Activation,
  AuxiliaryHead,
  ConvLayer,
  FactorizedReduceLayer,
  Network,
  NetworkHead,
  PlacedBlock,
  PlacedCell,
  PlacedEdge,
  PreprocessLayer,
  ResidualReduction,
} from './skeletons/network.ts';
export { MAX_LAYERS, placeNetwork, resolvePlacement, type ResolvedPlacement } from './skeletons/placement.ts';
export {
  architectureCost,
  auxiliaryCost,
  checkCountable,
  edgeCosts,
  layerCost,
  networkCost,
  placedEdgeComputes,
  placedEdgeCost,
  profileNetwork,
  runningOrder,
  supernetArchitecture,
  type NetworkProfile,
  type ProfiledCell,
  type ProfiledEdge,
} from './cost/cost.ts';
export { applyEdits, applyOperations, editsTo } from './cell/transform.ts';
export { randomArchitecture, randomBlockArchitecture, randomOfficialArchitecture, type RandomArchitectureOptions } from './cell/generate.ts';
export { architectureIdentity } from './cell/identity.ts';
export { diffArchitectures, type ArchitectureDiff, type CellDiff, type LooseEdge, type ReplacedEdge } from './cell/diff.ts';
