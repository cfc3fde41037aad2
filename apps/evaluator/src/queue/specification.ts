import { createHash } from 'node:crypto';
import { type architecture, evaluation } from '@nat/contracts';
import { datasetCapability } from '@nat/datasets';
import { DomainError, type FieldViolation } from '@nat/base/errors';
import { blobsOfSpec, weightsOfSpec } from '@nat/convert';
import { fromDuration } from '@nat/convert';
import type { EvaluationKind } from '../tables/tables.ts';

/** Attempts that an evaluation has when its specification does not say. */
const DEFAULT_MAX_ATTEMPTS = 3;

const SEARCH_NAME = /^namespaces\/[a-z0-9-]{1,63}\/searches\/[a-z0-9-]{1,63}$/;
const MAX_VIOLATIONS = 20;

/** An EvaluationSpec as the queue keeps it: the bytes, and what leasing and checking need without reading them. */
export interface Specification {
  readonly kind: EvaluationKind;
  readonly search: string;
  readonly priority: number;
  /** Sorted. Those asked for, and those that the kind implies: `table:<table>`, `dataset:<data set>`. */
  readonly required: readonly string[];
  readonly maxAttempts: number;
  readonly resumeFrom: string;
  /** Keys of the blobs that it starts from. */
  readonly blobs: readonly string[];
  /** Key of the weights that it scores or trains from; empty: none. */
  readonly weights: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly pairs: number;
  readonly pairsSha256: string;
}

/**
 * Reads a specification. `field` is its path in the request.
 * @throws DomainError INVALID_ARGUMENT for what the rules of the contract cannot say: repeated pair ids, a shard past the last, training without an end
 */
export function readSpecification(spec: evaluation.EvaluationSpec, field: string): Specification {
  const violations: FieldViolation[] = [];
  if (spec.search !== '' && !SEARCH_NAME.test(spec.search)) violations.push({ field: `${field}.search`, description: 'is not namespaces/*/searches/*' });
  const work = readKind(spec.kind, field, violations);
  if (spec.kind?.$case === 'fromScratch' && isEndless(spec.kind.value.recipe, spec.budget)) {
    violations.push({ field: `${field}.from_scratch.recipe`, description: 'one of epochs, max_steps and max_time, or a preset, says when training ends' });
  }
  if (violations.length > 0) throw DomainError.invalidFields(violations.slice(0, MAX_VIOLATIONS));
  const bytes = evaluation.EvaluationSpec.encode(spec).finish();
  const pairIds = work.pairs.map(({ id }) => id);
  return {
    kind: work.kind,
    search: spec.search,
    priority: spec.priority,
    required: [...new Set([...spec.capabilities, ...work.implied])].sort(),
    maxAttempts: spec.maxAttempts === 0 ? DEFAULT_MAX_ATTEMPTS : spec.maxAttempts,
    resumeFrom: spec.resumeFrom,
    blobs: blobsOfSpec(spec),
    weights: weightsOfSpec(spec),
    bytes,
    sha256: sha256(bytes),
    pairs: pairIds.length,
    pairsSha256: hashPairIds(pairIds),
  };
}

interface Work {
  readonly kind: EvaluationKind;
  readonly implied: readonly string[];
  readonly pairs: readonly evaluation.Pair[];
}

function readKind(kind: evaluation.EvaluationSpec['kind'], field: string, violations: FieldViolation[]): Work {
  switch (kind?.$case) {
    case 'tabular':
      checkPairs(kind.value.pairs, `${field}.tabular`, violations);
      return { kind: 'tabular', implied: [`table:${kind.value.table}`], pairs: kind.value.pairs };
    case 'sharedWeights':
      checkPairs(kind.value.pairs, `${field}.shared_weights`, violations);
      return { kind: 'shared-weights', implied: datasetOf(kind.value.supernet), pairs: kind.value.pairs };
    case 'fromScratch':
      checkPairs(kind.value.pairs, `${field}.from_scratch`, violations);
      checkReference(kind.value.inherit?.source, `${field}.from_scratch.inherit.source`, violations);
      return { kind: 'from-scratch', implied: [datasetCapability(kind.value.dataset)], pairs: kind.value.pairs };
    case 'trainShard': {
      const { shard, shards } = kind.value;
      if (shard >= shards) violations.push({ field: `${field}.train_shard.shard`, description: `${shard} is not below ${shards}` });
      return { kind: 'train-shard', implied: datasetOf(kind.value.supernet), pairs: [] };
    }
    case 'average':
      return { kind: 'average', implied: [], pairs: [] };
    case undefined:
      violations.push({ field, description: 'a kind of evaluation is required' });
      return { kind: 'tabular', implied: [], pairs: [] };
  }
}

function isEndless(recipe: evaluation.TrainingRecipe | undefined, budget: evaluation.Budget | undefined): boolean {
  const { epochs = 0, maxSteps = 0, maxTime, preset = '' } = recipe ?? {};
  return epochs + maxSteps + fromDuration(maxTime) + (budget?.epochs ?? 0) + (budget?.steps ?? 0) === 0 && preset === '';
}

function datasetOf(supernet: evaluation.Supernet | undefined): readonly string[] {
  return supernet === undefined ? [] : [datasetCapability(supernet.dataset)];
}

function checkPairs(pairs: readonly evaluation.Pair[], field: string, violations: FieldViolation[]): void {
  const seen = new Set<string>();
  for (const [i, { id, source, result }] of pairs.entries()) {
    if (seen.has(id)) violations.push({ field: `${field}.pairs[${i}].id`, description: `${id} is there twice` });
    seen.add(id);
    checkReference(source, `${field}.pairs[${i}].source`, violations);
    checkReference(result, `${field}.pairs[${i}].result`, violations);
  }
}

/** A worker reads no registry, so an architecture is not named by its resource. */
function checkReference(reference: architecture.ArchitectureRef | undefined, field: string, violations: FieldViolation[]): void {
  if (reference?.ref?.$case === 'architecture')
    violations.push({ field: `${field}.architecture`, description: 'resource names are not read here: send the spec' });
}

/** Lower-case hexadecimal SHA-256. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A hash of the ids in their order; the length before each keeps ["ab", "c"] and ["a", "bc"] apart. */
export function hashPairIds(ids: readonly string[]): string {
  return createHash('sha256')
    .update(ids.map((id) => `${id.length}:${id}`).join(''))
    .digest('hex');
}
