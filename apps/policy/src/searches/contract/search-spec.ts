/** What a search does: a request's spec checked and completed, and what its parts need of it. */
import { findZooEntry, officialSpace, type OfficialSpace, type OperationType, type SchemeName } from '@nat/cells';
import { search as wire, transform as transformWire, type architecture as architectureWire } from '@nat/contracts';
import { DATASET_CHOICES, isDatasetName } from '@nat/datasets';
import { DomainError, type FieldViolation } from '@nat/base/errors';
import {
  type BaselineName,
  blockOperations,
  defaultPreset,
  EDGE_POLICY,
  isBlockSpaceName,
  isPresetName,
  isSpaceName,
  officialGcnPolicy,
  type PolicyConfig,
  PRESET_NAMES,
  searchHyperparameters,
  searchPreset,
  type SessionSpec,
  type SharedWeightsPreset,
} from '@nat/nat';
import { maskingFromWire, placementFromWire, placementToWire, schemeToWire } from '@nat/convert';
import { completeMode } from './mode-spec.ts';
import { completeSharedWeights } from './shared-weights-spec.ts';

export type EvaluatorName = 'tabular' | 'shared-weights' | 'from-scratch';

const BASELINES = {
  BASELINE_MOVING_AVERAGE_OFFICIAL: 'moving-average-official',
  BASELINE_MOVING_AVERAGE: 'moving-average',
  BASELINE_SELF_CRITICAL: 'self-critical',
} as const satisfies Partial<Record<wire.Baseline, BaselineName>>;

const WIRE_BASELINES: Readonly<Record<BaselineName, wire.Baseline>> = {
  'moving-average-official': wire.Baseline.BASELINE_MOVING_AVERAGE_OFFICIAL,
  'moving-average': wire.Baseline.BASELINE_MOVING_AVERAGE,
  'self-critical': wire.Baseline.BASELINE_SELF_CRITICAL,
};

/** Pairs that one evaluation carries where a spec names no number: a look-up costs nothing, a child takes minutes. */
const PAIRS_AN_EVALUATION: Readonly<Record<EvaluatorName, number>> = { tabular: 1024, 'shared-weights': 8, 'from-scratch': 1 };
const DEFAULT_REWARD = 'c10_valid_200';
const DEFAULT_DATASET = 'mnist';
const DEFAULT_IMAGE_BATCH = 64;

/**
 * The spec with every default filled in, as it is stored and shown.
 * @throws DomainError INVALID_ARGUMENT, reason INVALID_SEARCH, naming every field that does not fit
 */
export function completeSpec(given: wire.SearchSpec): wire.SearchSpec {
  const violations: FieldViolation[] = [];
  const refuse = (field: string, description: string): void => {
    violations.push({ field: `spec.${field}`, description });
  };
  const evaluator = given.evaluator as EvaluatorName;
  const presetName = given.preset === '' ? defaultPreset(evaluator, schemeOf(given)) : given.preset;
  if (!isPresetName(presetName))
    throw DomainError.invalidFields([{ field: 'spec.preset', description: `is none of ${PRESET_NAMES.join(', ')}` }], 'INVALID_SEARCH');
  const preset = searchPreset(presetName);
  const scheme = given.scheme === 'SCHEME_UNSPECIFIED' ? preset.scheme : schemeOf(given);
  const baseline = given.baseline === 'BASELINE_UNSPECIFIED' ? WIRE_BASELINES[preset.baseline] : given.baseline;
  const published = isSpaceName(given.space) && officialSpaceOf(given.space, scheme) !== undefined;
  const encoder = given.encoder !== '' ? given.encoder : published ? preset.encoder : 'edge';
  const trains = evaluator !== 'tabular';
  const dataset = !trains || given.dataset !== '' ? given.dataset : DEFAULT_DATASET;

  if (!isSpaceName(given.space)) refuse('space', 'is none of nasbench201, darts, enas, resblock, vgg, mobilenetv2, nor a name of the zoo');
  if (given.space === 'nasbench201' && scheme === 'nat++') refuse('scheme', 'nat++ leaves the space of NAS-Bench-201: use nat');
  if (!trains && given.space !== 'nasbench201') refuse('evaluator', 'tabular needs the space nasbench201');
  if (trains && given.dataset !== '' && !isDatasetName(given.dataset)) refuse('dataset', `is none of ${DATASET_CHOICES}`);
  if (isSpaceName(given.space)) {
    if (encoder === 'pair' && !published) refuse('encoder', 'pair reads published cells only: use edge');
    if (evaluator === 'shared-weights' && !published) {
      refuse(
        'evaluator',
        'shared-weights needs a space whose operations a supernet has: darts, enas, resblock, vgg, mobilenetv2, or published cells of this scheme',
      );
    }
  }
  const { network } = placementFromWire(given.placement);
  if (evaluator === 'shared-weights' && network !== undefined && network !== 'supernet')
    refuse('placement.network', 'shared-weights is scored in the supernet');
  const alternation =
    evaluator === 'shared-weights'
      ? completeSharedWeights(given, dataset, preset.sharedWeights, refuse)
      : { steps: given.steps || (preset.steps ?? 0), imageBatch: trains ? given.imageBatch || DEFAULT_IMAGE_BATCH : given.imageBatch };
  if (evaluator !== 'shared-weights') {
    if (given.epochs > 0) refuse('epochs', `${evaluator} has no epochs: say steps`);
    if (alternation.steps === 0) refuse('steps', `have to be said with the preset ${presetName}`);
  }
  const mode = completeMode(given, refuse);
  if (violations.length > 0) throw DomainError.invalidFields(violations, 'INVALID_SEARCH');

  const filled: wire.SearchSpec = {
    ...given,
    reward: trains || given.reward !== '' ? given.reward : DEFAULT_REWARD,
    dataset,
    scheme: schemeToWire(scheme),
    masking: given.masking === 'MASKING_UNSPECIFIED' ? transformWire.Masking.MASKING_COST : given.masking,
    encoder,
    baseline,
    preset: presetName,
    batch: given.batch || preset.batch,
    placement: placementOf(given, evaluator, preset.sharedWeights),
    pairsPerEvaluation: given.pairsPerEvaluation === 0 ? PAIRS_AN_EVALUATION[evaluator] : given.pairsPerEvaluation,
    threads: Math.max(1, given.threads),
    ...alternation,
    ...mode,
    childEpochs: evaluator === 'from-scratch' && given.childEpochs === 0 && given.childSteps === 0 && given.childTime === undefined ? 1 : given.childEpochs,
  };
  const { learningRate, entropy } = hyperparametersOf(filled);
  return { ...filled, learningRate, entropyWeight: typeof entropy === 'number' ? entropy : entropy[0], encoderSize: encoderSizeOf(configOf(filled, scheme)) };
}

/** Whose costs the masks compare; a supernet's size is stated, since its weights have it. */
function placementOf({ placement }: wire.SearchSpec, evaluator: EvaluatorName, { channels, layers }: SharedWeightsPreset): architectureWire.Placement {
  const options = placementFromWire(placement);
  return placementToWire(evaluator === 'shared-weights' ? { channels, layers, ...options, network: 'supernet' } : options);
}

/** The official operation list that holds all of a space's operations; undefined where none does. */
function officialSpaceOf(space: string, scheme: SchemeName): OfficialSpace | undefined {
  const repository = scheme === 'nat' ? 'NAT' : 'NATv2';
  if (space === 'darts') return officialSpace(repository, 'FULLY_CONCAT_PRIMITIVES');
  if (space === 'enas') return officialSpace(repository, 'LOOSE_END_PRIMITIVES');
  if (isBlockSpaceName(space)) return blockOperations(space, scheme);
  const entry = findZooEntry(space);
  if (entry?.operationType === undefined) return undefined;
  const official = officialSpace(repository, entry.operationType);
  const known: ReadonlySet<string> = new Set(official.primitives);
  const fits = entry.architecture().cells.every(({ edges }) => edges.every(({ operation }) => operation.kind === 'primitive' && known.has(operation.name)));
  return fits ? official : undefined;
}

export function schemeOf({ scheme }: wire.SearchSpec): SchemeName {
  return scheme === 'SCHEME_NAT_PLUS_PLUS' ? 'nat++' : 'nat';
}

export function evaluatorOf({ evaluator }: wire.SearchSpec): EvaluatorName {
  return evaluator as EvaluatorName;
}

/** The wiring of the supernet that scores a space. */
export function wiringOf(spec: wire.SearchSpec): OperationType {
  return officialSpaceOf(spec.space, schemeOf(spec))?.operationType ?? 'FULLY_CONCAT_PRIMITIVES';
}

/** Whose list of operations the supernet of a space has. */
export function operationListOf(spec: wire.SearchSpec): SchemeName {
  return officialSpaceOf(spec.space, schemeOf(spec))?.repository === 'NATv2' ? 'nat++' : 'nat';
}

function hyperparametersOf(spec: wire.SearchSpec): SessionSpec['hyperparameters'] {
  const { preset, steps, baseline, learningRate, entropyWeight, policyWeightDecay, adamBeta1, adamBeta2, adamEpsilon, baselineDecay, importanceClip } = spec;
  if (!isPresetName(preset)) throw DomainError.invalid('spec.preset', `${preset} is not known`);
  return searchHyperparameters({
    preset,
    steps,
    baseline: BASELINES[baseline as keyof typeof BASELINES],
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(entropyWeight === undefined ? {} : { entropyWeight }),
    ...(policyWeightDecay === undefined ? {} : { weightDecay: policyWeightDecay }),
    betas: [adamBeta1, adamBeta2],
    ...(adamEpsilon === undefined ? {} : { epsilon: adamEpsilon }),
    ...(baselineDecay === undefined ? {} : { baselineDecay }),
    ...(importanceClip === undefined ? {} : { importanceClip }),
  });
}

/** What the learner of a completed spec needs. */
export function sessionSpecOf(spec: wire.SearchSpec): SessionSpec {
  const scheme = schemeOf(spec);
  const mode = maskingFromWire(spec.masking);
  const placement = placementFromWire(spec.placement);
  const loose = placement.network === 'supernet' && wiringOf(spec) === 'LOOSE_END_PRIMITIVES';
  return {
    space: spec.space,
    scheme,
    mode,
    placement: loose ? { ...placement, supernetOutput: 'loose-ends' } : placement,
    config: configOf(spec, scheme),
    seed: spec.seed,
    batch: spec.batch,
    ...(spec.roundsInFlight > 0 ? { roundsInFlight: spec.roundsInFlight } : {}),
    hyperparameters: hyperparametersOf(spec),
    threads: spec.threads,
  };
}

function configOf({ encoder, encoderSize, space }: wire.SearchSpec, scheme: SchemeName): PolicyConfig {
  const { hidden = 0, layers = 0, embedding = 0, features = 0, graphHidden = 0 } = encoderSize ?? {};
  if (encoder !== 'pair') return { ...EDGE_POLICY, ...(hidden > 0 ? { hidden } : {}), ...(layers > 0 ? { layers } : {}) };
  const official = officialSpaceOf(space, scheme);
  if (official === undefined) throw DomainError.invalid('spec.encoder', 'pair reads published cells only: use edge');
  return {
    ...officialGcnPolicy(scheme, official.primitives),
    ...(embedding > 0 ? { embedding } : {}),
    ...(features > 0 ? { features } : {}),
    ...(graphHidden > 0 ? { hidden: graphHidden } : {}),
  };
}

/** The size of a config whose size a spec can say. */
function encoderSizeOf(config: PolicyConfig): wire.EncoderSize {
  switch (config.encoder) {
    case 'edge':
      return wire.EncoderSize.create({ hidden: config.hidden, layers: config.layers });
    case 'pair':
      return wire.EncoderSize.create({ embedding: config.embedding, features: config.features, graphHidden: config.hidden });
    default:
      return wire.EncoderSize.create({});
  }
}
