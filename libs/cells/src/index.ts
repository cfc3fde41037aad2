export {
  type Architecture,
  type Cell,
  type CellOutput,
  type Edge,
  type EdgeEdit,
  type FixedOperation,
  type ImageSize,
  type Operation,
  type PlacementOptions,
  type PrimitiveOperation,
  type SchemeName,
  type Skeleton,
} from './cell/types.ts';
export { operationLabel, primitive, replaceOperation, sameOperation } from './cell/operation.ts';
export {
  FIXED,
  isEvenPool,
  isPrimitiveName,
  keepsChannels,
  operationAt,
  operationCost,
  primitiveAt,
  primitiveIndex,
  primitiveInfo,
  takesActivation,
  type BatchNormalization,
  type OperationCost,
  type OperationShape,
} from './primitives/operations.ts';
export { PRIMITIVES, PRIMITIVE_NAMES, type OperationPlace, type Primitive, type PrimitiveKind, type PrimitiveName } from './primitives/primitives.ts';
export { ACTIVATION_NAMES, ACTIVATIONS, ModuleBuilder, type Activation } from './primitives/module-builder.ts';
export { outputNodes, sidesOf, type TensorShape } from './cell/shapes.ts';
export { ARCHITECTURE_LIMITS, findViolations, validateArchitecture } from './cell/validate.ts';
export { MAX_TEXT_LENGTH, readGenotype, writeGenotype } from './text/genotype.ts';
export {
  OFFICIAL_SPACES,
  officialSpace,
  supernetArchitecture,
  type OfficialRepository,
  type OfficialSpace,
  type OperationType,
} from './zoo/official-spaces.ts';
export { findZooEntry, listZoo, zooArchitecture, type ZooEntry } from './zoo/zoo.ts';
export { NASBENCH201_OPERATIONS, readNasBench201, writeNasBench201 } from './text/nasbench201.ts';
export { JSON_VERSION, architectureFromJson, architectureToJson, readJson, writeJson } from './text/json.ts';
export { writeDot, type DotOptions } from './draw/dot.ts';
export { writeSvg, type SvgOptions } from './draw/svg.ts';
export { writeGraphDot, type GraphDotOptions } from './draw/graph-dot.ts';
export { writeGraphSvg, type GraphSvgOptions } from './draw/graph-svg.ts';
export { drawTerminal, type TerminalOptions } from './draw/terminal.ts';
export { formatArchitecture, readArchitecture, readArchitectureAs, textFormat, type ArchitectureText } from './text/text.ts';
export { lower } from './lower/lower.ts';
export type { LowerOptions, LoweredArchitecture, PlacedBlock, PlacedEdge } from './lower/lowering.ts';
export { lowerRepeatedCell, type RepeatedCellOptions } from './skeletons/repeated.ts';
export { MAX_LAYERS, resolvePlacement, type NetworkKind, type ResolvedPlacement } from './skeletons/placement.ts';
export type { Cost } from '@nat/graph';
export type { CostBounds, CostShares } from './cost/bounds.ts';
export { architectureCost, auxiliaryCost, edgeCosts, modulesByFirstNode, networkCost } from './cost/cost.ts';
export { applyEdits, applyOperations, editsTo } from './cell/transform.ts';
export { randomArchitecture, randomBlockArchitecture, randomOfficialArchitecture, type RandomArchitectureOptions } from './cell/generate.ts';
export { architectureIdentity } from './cell/identity.ts';
export { diffArchitectures, type ArchitectureDiff, type CellDiff, type LooseEdge, type ReplacedEdge } from './cell/diff.ts';
