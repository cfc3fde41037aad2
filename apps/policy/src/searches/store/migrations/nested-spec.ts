/**
 * Specifications become messages within messages, stored as they were given and with every default; errors become google.rpc.Status; searches can be deleted. Of
 * searches from before, what was given is not known any more: both specifications are what was stored, which had its defaults filled in. Versions before this
 * one cannot read any of it, so it does not run beside them.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { rpc } from '@nat/contracts';
import { json, type Migration } from '@nat/storage';
import { sql } from 'kysely';

export const nestedSpec: Migration = {
  id: '0011-nested-spec',
  kind: 'contract',
  up: async (tx) => {
    await sql`
      ALTER TABLE policy.search
        ADD COLUMN effective_spec jsonb,
        ADD COLUMN error bytea,
        ADD COLUMN delete_time timestamptz`.execute(tx);
    const searches = await sql<{ ordinal: number; spec: OldSpec; error_message: string }>`SELECT ordinal, spec, error_message FROM policy.search`.execute(tx);
    for (const { ordinal, spec, error_message: message } of searches.rows) {
      const nested = nestSpec(spec);
      const error = message === '' ? null : rpc.Status.encode(rpc.Status.create({ code: UNKNOWN, message })).finish();
      await sql`UPDATE policy.search SET spec = ${json(nested)}, effective_spec = ${json(nested)}, error = ${error} WHERE ordinal = ${ordinal}`.execute(tx);
    }
    await sql`ALTER TABLE policy.search ALTER COLUMN effective_spec SET NOT NULL, DROP COLUMN error_message`.execute(tx);

    const operations = await sql<{ ordinal: number; request: Uint8Array }>`SELECT ordinal, request FROM policy.operation`.execute(tx);
    for (const { ordinal, request } of operations.rows) {
      await sql`UPDATE policy.operation SET request = ${nestRequest(request)} WHERE ordinal = ${ordinal}`.execute(tx);
    }
    // Answers to requests of the form before: none comes again in the new one.
    await sql`DELETE FROM policy.request WHERE key LIKE 'CreateSearch:%' OR key LIKE 'ForkSearch:%' OR key LIKE 'DeriveArchitecture:%'`.execute(tx);
  },
};

/** Of google.rpc.Code. */
const UNKNOWN = 2;

/** Protobuf JSON of a specification before this migration: no member where a value is 0 or empty. */
type OldSpec = Readonly<Record<string, unknown>>;

const SPACES: ReadonlySet<unknown> = new Set(['nasbench201', 'darts', 'enas', 'resblock', 'vgg', 'mobilenetv2']);
const PRESETS: Readonly<Record<string, string>> = { nat: 'PRESET_NAT', 'nat++': 'PRESET_NAT_PLUS_PLUS', small: 'PRESET_SMALL', tabular: 'PRESET_TABULAR' };
const BASELINES: Readonly<Record<string, string>> = {
  BASELINE_MOVING_AVERAGE_OFFICIAL: 'officialMovingAverage',
  BASELINE_MOVING_AVERAGE: 'movingAverage',
  BASELINE_SELF_CRITICAL: 'selfCritical',
};

/** Leaves out what is not there. */
function some(members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** What `parity` was called then. */
function official(value: unknown): unknown {
  return typeof value === 'string' ? value.replace('_PARITY', '_OFFICIAL') : value;
}

/** Images were square, and their size a number. */
function placementOf(old: unknown): unknown {
  if (old === undefined) return undefined;
  const { imageSize, ...placement } = old as OldSpec;
  return some({ ...placement, imageSize: typeof imageSize === 'number' ? { height: imageSize, width: imageSize } : imageSize });
}

/** A specification as it is stored from here on. */
export function nestSpec(old: OldSpec): Readonly<Record<string, unknown>> {
  return some({
    sources: SPACES.has(old['space']) ? { space: `SPACE_${String(old['space']).toUpperCase()}` } : { zoo: old['space'] },
    actions: some({ scheme: old['scheme'], masking: official(old['masking']), placement: placementOf(old['placement']) }),
    policy: some({ ...encoderOf(old), initialPolicy: old['initialPolicy'] }),
    reward: some({ ...rewardOf(old), candidatesPerEvaluation: old['pairsPerEvaluation'] }),
    learner: learnerOf(old),
    pipelining:
      old['mode'] === 'SEARCH_MODE_ASYNCHRONOUS'
        ? some({ roundsInFlight: old['roundsInFlight'], maxStaleness: old['maxStaleness'], importanceClip: old['importanceClip'] })
        : { roundsInFlight: 1 },
    heldOutComparison: old['evaluator'] === 'shared-weights' ? some({ sources: old['heldOutSources'] ?? 0, images: old['heldOutImages'] }) : undefined,
    preset: PRESETS[String(old['preset'])],
    seed: old['seed'] ?? 0,
    priority: old['priority'] ?? 0,
    threads: old['threads'] ?? 1,
  });
}

function encoderOf(old: OldSpec): Readonly<Record<string, unknown>> {
  const { hidden, layers, embedding, features, graphHidden } = (old['encoderSize'] ?? {}) as OldSpec;
  return old['encoder'] === 'pair' ? { gcn: some({ embedding, features, hidden: graphHidden }) } : { edgeGnn: some({ hidden, layers }) };
}

function rewardOf(old: OldSpec): Readonly<Record<string, unknown>> {
  switch (old['evaluator']) {
    case 'tabular':
      return { tabular: some({ column: old['reward'] }) };
    case 'shared-weights':
      return {
        sharedWeights: some({
          dataset: old['dataset'],
          split: official(old['split']),
          epochs: old['epochs'],
          policyStartEpoch: old['policyStartEpoch'] ?? 0,
          policyStepsPerEpoch: old['policySteps'],
          weightTraining: some({
            stepsPerEpoch: old['weightSteps'],
            warmupSteps: old['warmupWeightSteps'] ?? 0,
            shards: old['shards'] ?? 1,
            stepsPerRound: old['roundSteps'] ?? old['weightSteps'],
            imageBatch: old['imageBatch'],
            learningRate: old['weightLearningRate'],
            minLearningRate: old['weightLearningRateMin'],
            momentum: old['weightMomentum'],
            weightDecay: old['weightDecay'],
            clipNorm: old['clipNorm'],
          }),
          scoreBatches: old['scoreBatches'],
        }),
      };
    default:
      return {
        fromScratch: some({
          dataset: old['dataset'],
          imageBatch: old['imageBatch'],
          epochs: old['childEpochs'],
          steps: old['childSteps'],
          time: old['childTime'],
        }),
      };
  }
}

function learnerOf(old: OldSpec): Readonly<Record<string, unknown>> {
  const baseline = BASELINES[String(old['baseline'])];
  const adam = some({ beta1: old['adamBeta1'], beta2: old['adamBeta2'], epsilon: old['adamEpsilon'], weightDecay: old['policyWeightDecay'] });
  return some({
    steps: old['steps'],
    batch: old['batch'],
    ...(baseline === undefined ? {} : { [baseline]: baseline === 'selfCritical' ? {} : some({ decay: old['baselineDecay'] }) }),
    learningRate: old['learningRate'],
    entropyWeight: old['entropyWeight'],
    adam: Object.keys(adam).length === 0 ? undefined : adam,
  });
}

/** Numbers of the fields of DeriveArchitectureRequest that name its evaluator, before and after. */
const OLD = { evaluator: 8, reward: 9, dataset: 10, childEpochs: 11, search: 13 } as const;
const NEW = { tabular: 14, sharedWeights: 15, fromScratch: 16 } as const;

/** A DeriveArchitectureRequest whose evaluator is a message; every other field stays as it is. */
export function nestRequest(request: Uint8Array): Uint8Array {
  const reader = new BinaryReader(request);
  const kept: Uint8Array[] = [];
  const texts = new Map<number, string>();
  let childEpochs = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [field, type] = reader.tag();
    if (field === OLD.childEpochs) childEpochs = reader.uint32();
    else if (field === OLD.evaluator || field === OLD.reward || field === OLD.dataset || field === OLD.search) texts.set(field, reader.string());
    else {
      reader.skip(type, field);
      kept.push(request.subarray(start, reader.pos));
    }
  }
  const writer = new BinaryWriter();
  const text = (field: number, value: string | undefined): void => {
    if (value !== undefined && value !== '') writer.tag(field, WireType.LengthDelimited).string(value);
  };
  switch (texts.get(OLD.evaluator)) {
    case 'tabular':
      writer.tag(NEW.tabular, WireType.LengthDelimited).fork();
      text(1, texts.get(OLD.reward));
      break;
    case 'shared-weights':
      writer.tag(NEW.sharedWeights, WireType.LengthDelimited).fork();
      text(1, texts.get(OLD.search));
      break;
    default:
      writer.tag(NEW.fromScratch, WireType.LengthDelimited).fork();
      text(1, texts.get(OLD.dataset));
      if (childEpochs > 0) writer.tag(2, WireType.Varint).uint32(childEpochs);
  }
  return Buffer.concat([...kept, writer.join().finish()]);
}
