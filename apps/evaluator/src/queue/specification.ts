import { createHash } from 'node:crypto';
import { evaluation, type architecture } from '@nat/contracts';
import {
  blobsOfSpec,
  candidatesOf,
  evaluationKindField,
  evaluationKindOf,
  fromDuration,
  tableName,
  weightsOfSpec,
  type EvaluationKindName,
} from '@nat/convert';
import { datasetCapability } from '@nat/datasets';
import { DomainError, type FieldViolation } from '@nat/base/errors';

/** Attempts that an evaluation has when its specification does not say. */
const DEFAULT_MAX_ATTEMPTS = 3;
const MAX_VIOLATIONS = 20;

/** An EvaluationSpec as the queue keeps it: the bytes, and what leasing and checking need without reading them. */
export interface Specification {
  readonly kind: EvaluationKindName;
  readonly search: string;
  readonly priority: number;
  /** Sorted. Those asked for, and those that the kind implies: `table:<table>`, `dataset:<data set>`. */
  readonly required: readonly string[];
  readonly maxAttempts: number;
  readonly resumeFrom: string | undefined;
  /** Keys of the blobs that it starts from. */
  readonly blobs: readonly string[];
  /** Key of the weights that it scores or trains from; undefined: none. */
  readonly weights: string | undefined;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly candidates: number;
  readonly candidatesSha256: string;
}

/**
 * Reads a specification. `field` is its path in the request.
 * @throws DomainError INVALID_ARGUMENT for what the rules of the contract cannot say: repeated candidate ids, architectures by resource name, a shard past
 * the last, training without an end
 */
export function readSpecification(spec: evaluation.EvaluationSpec, field: string): Specification {
  const kind = evaluationKindOf(spec);
  if (kind === undefined) throw DomainError.invalid(field, 'a kind of evaluation is required');
  const violations = [...candidateViolations(spec, `${field}.${evaluationKindField(kind)}`), ...kindViolations(spec, field)];
  if (violations.length > 0) throw DomainError.invalidFields(violations.slice(0, MAX_VIOLATIONS));
  return describeSpecification(kind, spec);
}

/** What the queue needs of a specification that is known to be right. */
export function describeSpecification(kind: EvaluationKindName, spec: evaluation.EvaluationSpec): Specification {
  const bytes = evaluation.EvaluationSpec.encode(spec).finish();
  const ids = candidatesOf(spec).map(({ id }) => id);
  return {
    kind,
    search: spec.search,
    priority: spec.priority,
    required: [...new Set([...spec.capabilities, ...impliedCapabilities(spec.kind)])].sort(),
    maxAttempts: spec.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    resumeFrom: spec.resumeFrom,
    blobs: blobsOfSpec(spec),
    weights: weightsOfSpec(spec),
    bytes,
    sha256: sha256(bytes),
    candidates: ids.length,
    candidatesSha256: hashCandidateIds(ids),
  };
}

function impliedCapabilities(kind: evaluation.EvaluationSpec['kind']): readonly string[] {
  switch (kind?.$case) {
    case 'tabular':
      return [`table:${tableName(kind.value.table) ?? kind.value.table}`];
    case 'sharedWeights':
    case 'trainShard':
      return kind.value.supernet === undefined ? [] : [datasetCapability(kind.value.supernet.dataset)];
    case 'fromScratch':
      return [datasetCapability(kind.value.dataset)];
    case 'average':
    case undefined:
      return [];
  }
}

function candidateViolations(spec: evaluation.EvaluationSpec, field: string): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  const seen = new Set<string>();
  for (const [i, { id, architecture: ref }] of candidatesOf(spec).entries()) {
    const path = `${field}.candidates[${i}]`;
    if (seen.has(id)) violations.push({ field: `${path}.id`, description: `${id} is there twice` });
    seen.add(id);
    violations.push(...referenceViolations(ref, `${path}.architecture`));
  }
  return violations;
}

function kindViolations({ kind, budget }: evaluation.EvaluationSpec, field: string): readonly FieldViolation[] {
  switch (kind?.$case) {
    case 'fromScratch': {
      const path = `${field}.from_scratch`;
      const endless = { field: `${path}.recipe`, description: 'one of epochs, max_steps and max_time, or a preset, says when training ends' };
      return [...referenceViolations(kind.value.inherit?.source, `${path}.inherit.source`), ...(isEndless(kind.value.recipe, budget) ? [endless] : [])];
    }
    case 'trainShard': {
      const { shard, shards } = kind.value;
      return shard < shards ? [] : [{ field: `${field}.train_shard.shard`, description: `${shard} is not below ${shards}` }];
    }
    case 'tabular':
    case 'sharedWeights':
    case 'average':
    case undefined:
      return [];
  }
}

/** A worker reads no registry, so an architecture is not named by its resource. */
function referenceViolations(ref: architecture.ArchitectureRef | undefined, field: string): readonly FieldViolation[] {
  if (ref?.ref?.$case !== 'architecture') return [];
  return [{ field: `${field}.architecture`, description: 'resource names are not read here: send the spec' }];
}

function isEndless(recipe: evaluation.TrainingRecipe | undefined, budget: evaluation.Budget | undefined): boolean {
  const { epochs = 0, maxSteps = 0, maxTime, preset = 'RECIPE_PRESET_UNSPECIFIED' } = recipe ?? {};
  return epochs + maxSteps + fromDuration(maxTime) + (budget?.epochs ?? 0) + (budget?.steps ?? 0) === 0 && preset === 'RECIPE_PRESET_UNSPECIFIED';
}

/** Lower-case hexadecimal SHA-256. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A hash of the ids in their order; the length before each keeps ["ab", "c"] and ["a", "bc"] apart. */
export function hashCandidateIds(ids: readonly string[]): string {
  return createHash('sha256')
    .update(ids.map((id) => `${id.length}:${id}`).join(''))
    .digest('hex');
}
