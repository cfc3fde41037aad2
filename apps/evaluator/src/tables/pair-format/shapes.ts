/** The messages of nat.evaluation.v1 as they were stored when evaluations carried pairs of a source and a result. */
import type { Shape } from './read-message.ts';

const DURATION = { seconds: [1, 'integer'], nanos: [2, 'integer'] } as const satisfies Shape;

const BUDGET = { time: [1, DURATION], epochs: [2, 'integer'], steps: [3, 'integer'], memoryBytes: [4, 'integer'] } as const satisfies Shape;

/** The architectures are messages of their own. */
const PAIR = { id: [1, 'string'], source: [2, 'bytes'], result: [3, 'bytes'] } as const satisfies Shape;

const TABULAR = { table: [1, 'string'], column: [2, 'string'], pairs: [3, PAIR, 'repeated'] } as const satisfies Shape;

const SUPERNET = {
  wiring: [1, 'string'],
  primitives: [2, 'string'],
  dataset: [3, 'string'],
  channels: [4, 'integer'],
  layers: [5, 'integer'],
  seed: [6, 'integer'],
  imageBatch: [7, 'integer'],
  learningRate: [8, 'double'],
  threads: [9, 'integer'],
  momentum: [10, 'double'],
  weightDecay: [11, 'double'],
  clipNorm: [12, 'double'],
  split: [13, 'integer'],
  block: [14, 'string'],
} as const satisfies Shape;

const SHARED_WEIGHTS = {
  supernet: [1, SUPERNET],
  weights: [2, 'string'],
  batchSeed: [3, 'integer'],
  batches: [4, 'integer'],
  pairs: [5, PAIR, 'repeated'],
  images: [6, 'integer'],
  imageCount: [7, 'integer'],
} as const satisfies Shape;

const RECIPE = {
  epochs: [1, 'integer'],
  maxSteps: [2, 'integer'],
  maxTime: [3, DURATION],
  batch: [4, 'integer'],
  learningRate: [5, 'double'],
  momentum: [6, 'double'],
  weightDecay: [7, 'double'],
  seed: [8, 'integer'],
  threads: [9, 'integer'],
  trainImages: [10, 'integer'],
  validationImages: [11, 'integer'],
  preset: [12, 'string'],
  clipNorm: [13, 'double'],
  labelSmoothing: [14, 'double'],
  dropPath: [15, 'double'],
  auxiliaryWeight: [16, 'double'],
  cutout: [17, 'integer'],
  patience: [18, 'integer'],
  stopAfterEpochs: [19, 'integer'],
} as const satisfies Shape;

const FROM_SCRATCH = {
  dataset: [1, 'string'],
  placement: [2, 'bytes'],
  recipe: [3, RECIPE],
  pairs: [4, PAIR, 'repeated'],
  reportTest: [5, 'bool'],
  keepWeights: [6, 'bool'],
  keepCheckpoints: [7, 'bool'],
  inherit: [8, { weights: [1, 'string'], source: [2, 'bytes'] }],
} as const satisfies Shape;

const TRAIN_SHARD = {
  supernet: [1, SUPERNET],
  weights: [2, 'string'],
  round: [3, 'integer'],
  shard: [4, 'integer'],
  shards: [5, 'integer'],
  steps: [6, 'integer'],
  seed: [7, 'integer'],
} as const satisfies Shape;

const AVERAGE = { round: [1, 'integer'], weights: [2, 'string', 'repeated'] } as const satisfies Shape;

export const SPEC = {
  tabular: [1, TABULAR],
  sharedWeights: [2, SHARED_WEIGHTS],
  fromScratch: [3, FROM_SCRATCH],
  trainShard: [4, TRAIN_SHARD],
  average: [5, AVERAGE],
  search: [6, 'string'],
  priority: [7, 'integer'],
  capabilities: [8, 'string', 'repeated'],
  budget: [9, BUDGET],
  maxAttempts: [10, 'integer'],
  resumeFrom: [11, 'string'],
} as const satisfies Shape;

const REPORT = {
  validationAccuracy: [1, 'double'],
  testAccuracy: [2, 'double'],
  params: [3, 'integer'],
  macs: [4, 'integer'],
  seconds: [5, 'double'],
  imagesPerSecond: [6, 'double'],
  epochs: [7, 'integer'],
  steps: [8, 'integer'],
  judgedEpoch: [9, 'integer'],
  end: [10, 'integer'],
  weights: [11, 'string'],
  checkpoint: [12, 'string'],
  inheritedParams: [13, 'integer'],
  initialValidationAccuracy: [14, 'double'],
} as const satisfies Shape;

const VALUE = {
  pairId: [1, 'string'],
  sourceValue: [2, 'double'],
  resultValue: [3, 'double'],
  sourceReport: [4, REPORT],
  resultReport: [5, REPORT],
  errorMessage: [6, 'string'],
} as const satisfies Shape;

const METRIC = { key: [1, 'string'], value: [2, 'double'] } as const satisfies Shape;

export const OUTCOME = {
  succeeded: [1, { values: [1, VALUE, 'repeated'], weights: [2, 'string'], metrics: [3, METRIC, 'repeated'] }],
  failed: [2, { reason: [1, 'string'], message: [2, 'string'], terminal: [3, 'bool'] }],
  cancelled: [3, { reason: [1, 'string'] }],
} as const satisfies Shape;
