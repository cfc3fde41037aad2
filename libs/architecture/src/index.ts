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
} from './types.ts';
export {
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
  primitiveIndex,
  replaceOperation,
  sameOperation,
  takesActivation,
  type BatchNormalization,
  type OperationCost,
  type OperationFamily,
  type OperationShape,
  type PrimitiveInfo,
} from './operations.ts';
export { outputNodes, type TensorShape } from './shapes.ts';
export { ARCHITECTURE_LIMITS, findViolations, validateArchitecture } from './validate.ts';
export { MAX_TEXT_LENGTH, readGenotype, writeGenotype } from './genotype.ts';
export { OFFICIAL_SPACES, officialSpace, type OfficialRepository, type OfficialSpace, type OperationType } from './search-spaces.ts';
export { findZooEntry, listZoo, zooArchitecture, type ZooEntry } from './zoo.ts';
export { NASBENCH201_OPERATIONS, readNasBench201, writeNasBench201 } from './nasbench201.ts';
export { JSON_VERSION, architectureFromJson, architectureToJson, readJson, writeJson } from './json.ts';
export { writeDot, type DotOptions } from './dot.ts';
export { writeSvg, type SvgOptions } from './svg.ts';
export { drawTerminal, type TerminalOptions } from './terminal.ts';
export { formatArchitecture, readArchitecture, type ArchitectureText } from './text.ts';
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
} from './network.ts';
export { MAX_LAYERS, placeNetwork, resolvePlacement, type ResolvedPlacement } from './placement.ts';
export {
  architectureCost,
  auxiliaryCost,
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
} from './cost.ts';
export { FIXED, PricedArchitecture, Pricer, primitiveAt } from './pricing.ts';
export { OPERATIONS, type CostTables } from './cost-tables.ts';
export { NAT_ACTIONS, schemeTable, transitionRow, type SchemeTable } from './schemes.ts';
export { ActionSequence, EditSpace, decideAll, type EditSpaceOptions } from './edit-space.ts';
export { cellGuards, LivePaths, type CellGuard } from './connectivity.ts';
export { checkBudget, withinBudget, type Budget } from './budget.ts';
export { applyEdits, applyOperations, editsTo } from './transform.ts';
export { certify, type CostCertificate, type EdgeSaving } from './certificate.ts';
export { randomArchitecture, randomBlockArchitecture, randomOfficialArchitecture, type RandomArchitectureOptions } from './generate.ts';
export { architectureIdentity } from './identity.ts';
export { diffArchitectures, type ArchitectureDiff, type CellDiff, type LooseEdge, type ReplacedEdge } from './diff.ts';
