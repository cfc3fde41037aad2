/** Options of `nat search`, and the search that they ask for. What is left out is decided by the preset, on the server. */
import { evaluation as evaluationWire, search as wire, transform as transformWire } from '@nat/contracts';
import { DATASET_CHOICES, type DatasetName } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { placementToWire, schemeToWire } from '@nat/convert';
import { Option } from 'commander';
import { datasetName, integer, number, type PlacementFlags, placementOptions, readPlacement } from '@nat/console';

export interface SearchSpecFlags extends PlacementFlags {
  readonly space?: string;
  readonly evaluator?: 'tabular' | 'shared-weights' | 'from-scratch';
  readonly reward?: string;
  readonly dataset?: DatasetName;
  readonly preset?: string;
  readonly steps?: number;
  readonly batch?: number;
  readonly seed: number;
  readonly scheme?: 'nat' | 'nat++';
  readonly masking?: keyof typeof MASKINGS;
  readonly encoder?: 'edge' | 'pair';
  readonly hidden?: number;
  readonly encoderLayers?: number;
  readonly embedding?: number;
  readonly features?: number;
  readonly graphHidden?: number;
  readonly baseline?: keyof typeof BASELINES;
  readonly baselineDecay?: number;
  readonly learningRate?: number;
  readonly entropyWeight?: number;
  readonly policyWeightDecay?: number;
  readonly adamBeta1?: number;
  readonly adamBeta2?: number;
  readonly adamEpsilon?: number;
  readonly initialPolicy?: string;
  readonly epochs?: number;
  readonly policyStartEpoch?: number;
  readonly policySteps?: number;
  readonly weightSteps?: number;
  readonly warmupWeightSteps?: number;
  readonly shards?: number;
  readonly roundSteps?: number;
  readonly imageBatch?: number;
  readonly scoreBatches?: number;
  readonly weightLearningRate?: number;
  readonly weightLearningRateMin?: number;
  readonly weightMomentum?: number;
  readonly weightDecay?: number;
  readonly clipNorm?: number;
  readonly split?: keyof typeof SPLITS;
  readonly heldOutSources?: number;
  readonly heldOutImages?: number;
  readonly childEpochs?: number;
  readonly childSteps?: number;
  readonly threads?: number;
  readonly asynchronous?: true;
  readonly roundsInFlight?: number;
  readonly maxStaleness?: number;
  readonly importanceClip?: number;
}

const BASELINES = {
  'self-critical': wire.Baseline.BASELINE_SELF_CRITICAL,
  'moving-average': wire.Baseline.BASELINE_MOVING_AVERAGE,
  'moving-average-official': wire.Baseline.BASELINE_MOVING_AVERAGE_OFFICIAL,
} as const;

const MASKINGS = { cost: transformWire.Masking.MASKING_COST, official: transformWire.Masking.MASKING_OFFICIAL } as const;

export const SPLITS = {
  'set-aside': evaluationWire.SearchSplit.SEARCH_SPLIT_SET_ASIDE,
  official: evaluationWire.SearchSplit.SEARCH_SPLIT_OFFICIAL,
} as const;

/** Every option that says what a search does. */
export function searchSpecOptions(): readonly Option[] {
  const choice = (flag: string, description: string, choices: readonly string[]): Option => new Option(flag, description).choices([...choices]);
  const parsed = (flag: string, description: string, parse: (text: string) => unknown): Option => new Option(flag, description).argParser(parse);
  const count = (flag: string, description: string, min = 1, max = 1_000_000): Option => parsed(flag, description, integer(min, max));
  const real = (flag: string, description: string, max = 1): Option => parsed(flag, description, number(0, max));
  return [
    new Option('--space <name>', 'nasbench201, darts, enas, resblock, vgg, mobilenetv2, or a name of the zoo'),
    choice('--evaluator <kind>', 'where rewards come from', ['tabular', 'shared-weights', 'from-scratch']),
    new Option('--preset <name>', "nat, nat++ (the official code's numbers), small (shared weights in minutes), tabular; by evaluator when left out"),
    new Option('--reward <column>', 'tabular: the column of the table that is the reward'),
    parsed('--dataset <name>', `what networks learn where rewards come from training: ${DATASET_CHOICES}`, datasetName),
    count('--steps <n>', 'policy steps in all; every option from here on overrides the preset'),
    count('--batch <n>', 'pairs a policy step', 1, 65_536),
    parsed('--seed <n>', 'same seed, same policy, to the bit', integer(0)).default(0),
    choice('--scheme <scheme>', 'how operations may be replaced', ['nat', 'nat++']),
    choice('--masking <masking>', 'cost: never more of anything; official: the official tables', Object.keys(MASKINGS)),
    choice('--encoder <encoder>', 'edge: any network; pair: the official one', ['edge', 'pair']),
    count('--hidden <n>', 'edge encoder: width', 1, 8192),
    count('--encoder-layers <n>', 'edge encoder: rounds of message passing', 1, 64),
    count('--embedding <n>', 'pair encoder: width of operations', 1, 8192),
    count('--features <n>', 'pair encoder: features of a node', 1, 8192),
    count('--graph-hidden <n>', 'pair encoder: hidden width', 1, 8192),
    choice('--baseline <baseline>', 'what the reward is compared with', Object.keys(BASELINES)),
    real('--baseline-decay <x>', 'of a moving average'),
    real('--learning-rate <x>', 'of the policy'),
    real('--entropy-weight <x>', 'of the policy', 10),
    real('--policy-weight-decay <x>', 'of the policy'),
    real('--adam-beta1 <x>', 'of the policy'),
    real('--adam-beta2 <x>', 'of the policy'),
    real('--adam-epsilon <x>', 'of the policy'),
    new Option('--initial-policy <id>', 'start from this policy'),
    count('--epochs <n>', 'shared-weights: epochs, each of weight steps, then policy steps', 1, 100_000),
    count('--policy-start-epoch <n>', 'shared-weights: epochs before this one (from 0) train the weights alone', 0, 100_000),
    count('--policy-steps <n>', 'shared-weights: policy steps an epoch'),
    count('--weight-steps <n>', 'shared-weights: weight steps an epoch'),
    count('--warmup-weight-steps <n>', 'shared-weights: more weight steps in the first epoch', 0),
    count('--shards <n>', 'shared-weights: shards that train at the same time and are averaged; 1: sequential SGD', 1, 256),
    count('--round-steps <n>', 'shared-weights: weight steps between two averages'),
    count('--image-batch <n>', 'images a training batch', 1, 4096),
    count('--score-batches <n>', 'shared-weights: image batches that a reward is measured on', 1, 1000),
    real('--weight-learning-rate <x>', 'shared-weights: of the weights', 10),
    real('--weight-learning-rate-min <x>', 'shared-weights: where a cosine over the epochs takes it', 10),
    real('--weight-momentum <x>', 'shared-weights: of the weights'),
    real('--weight-decay <x>', 'shared-weights: of the weights'),
    real('--clip-norm <x>', 'shared-weights: norm that gradients of the weights are clipped to', 1_000_000),
    choice('--split <split>', 'shared-weights: set 5,000 images aside for selection, or split all 40/60', Object.keys(SPLITS)),
    count('--held-out-sources <n>', 'shared-weights: sources that the policy is compared with the untrained one on at the end; 0: none', 0, 512),
    count('--held-out-images <n>', 'shared-weights: images set aside that are used for it', 1, 10_000),
    count('--child-epochs <n>', 'from-scratch: epochs a child', 1, 10_000),
    count('--child-steps <n>', 'from-scratch: at most this many steps a child'),
    count('--threads <n>', 'TensorFlow threads, stored in the search', 1, 256),
    new Option('--asynchronous', 'evaluate several rounds at the same time and learn from whichever is done; not repeatable to the bit'),
    count('--rounds-in-flight <n>', 'asynchronous: rounds at the same time, 4 when left out', 1, 64),
    count('--max-staleness <n>', 'asynchronous: drop a round after more steps than this, twice the rounds in flight when left out', 0, 10_000),
    parsed('--importance-clip <x>', 'asynchronous: bound of importance weights, 2 when left out', number(1, 1_000_000)),
    ...placementOptions(),
  ];
}

/** The search that flags ask for. @throws DomainError INVALID_ARGUMENT MISSING_OPTION */
export function searchSpecOf(flags: SearchSpecFlags): Partial<wire.SearchSpec> {
  const missing = (['space', 'evaluator'] as const).filter((name) => flags[name] === undefined);
  if (missing.length > 0) {
    throw DomainError.invalidFields(
      missing.map((name) => ({ field: `--${name}`, description: 'is required, unless --resume is given' })),
      'MISSING_OPTION',
    );
  }
  const { hidden = 0, encoderLayers = 0, embedding = 0, features = 0, graphHidden = 0 } = flags;
  return {
    space: flags.space!,
    evaluator: flags.evaluator!,
    reward: flags.reward ?? '',
    dataset: flags.dataset ?? '',
    preset: flags.preset ?? '',
    steps: flags.steps ?? 0,
    batch: flags.batch ?? 0,
    seed: flags.seed,
    scheme: schemeToWire(flags.scheme),
    masking: flags.masking === undefined ? transformWire.Masking.MASKING_UNSPECIFIED : MASKINGS[flags.masking],
    encoder: flags.encoder ?? '',
    encoderSize: { hidden, layers: encoderLayers, embedding, features, graphHidden },
    baseline: flags.baseline === undefined ? wire.Baseline.BASELINE_UNSPECIFIED : BASELINES[flags.baseline],
    baselineDecay: flags.baselineDecay,
    learningRate: flags.learningRate,
    entropyWeight: flags.entropyWeight,
    policyWeightDecay: flags.policyWeightDecay,
    adamBeta1: flags.adamBeta1,
    adamBeta2: flags.adamBeta2,
    adamEpsilon: flags.adamEpsilon,
    placement: placementToWire(readPlacement(flags)),
    initialPolicy: flags.initialPolicy ?? '',
    epochs: flags.epochs ?? 0,
    policyStartEpoch: flags.policyStartEpoch,
    policySteps: flags.policySteps ?? 0,
    weightSteps: flags.weightSteps ?? 0,
    warmupWeightSteps: flags.warmupWeightSteps ?? 0,
    shards: flags.shards ?? 0,
    roundSteps: flags.roundSteps ?? 0,
    imageBatch: flags.imageBatch ?? 0,
    scoreBatches: flags.scoreBatches ?? 0,
    weightLearningRate: flags.weightLearningRate,
    weightLearningRateMin: flags.weightLearningRateMin,
    weightMomentum: flags.weightMomentum,
    weightDecay: flags.weightDecay,
    clipNorm: flags.clipNorm,
    split: flags.split === undefined ? evaluationWire.SearchSplit.SEARCH_SPLIT_UNSPECIFIED : SPLITS[flags.split],
    heldOutSources: flags.heldOutSources,
    heldOutImages: flags.heldOutImages ?? 0,
    childEpochs: flags.childEpochs ?? 0,
    childSteps: flags.childSteps ?? 0,
    threads: flags.threads ?? 0,
    mode: flags.asynchronous === true ? wire.SearchMode.SEARCH_MODE_ASYNCHRONOUS : wire.SearchMode.SEARCH_MODE_UNSPECIFIED,
    roundsInFlight: flags.roundsInFlight ?? 0,
    maxStaleness: flags.maxStaleness,
    importanceClip: flags.importanceClip,
  };
}
