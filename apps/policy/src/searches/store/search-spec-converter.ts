/** The one translation between `SearchSpec` of the contract and of the domain. */
import { search as wire, evaluation as evaluationWire } from '@nat/contracts';
import { fromDuration, maskingFromWire, maskingToWire, placementFromWire, placementToWire, schemeFromWire, schemeToWire, toDuration } from '@nat/convert';
import type { AdvantageShape, EffectiveSearchSpec, PresetName, SearchSpec, SourceSpec, SpaceName } from '@nat/nat';

type Given<Section extends keyof SearchSpec> = NonNullable<SearchSpec[Section]>;

/** Names of an enumeration by value of the domain, and back; the unspecified value and those of later versions are absent. */
function enumeration<Name extends string, Value extends string>(values: Readonly<Record<Name, Value>>) {
  const names = new Map<string, Name>(Object.entries<Value>(values).map(([name, value]) => [value, name as Name]));
  return { toWire: (name: Name): Value => values[name], fromWire: (value: string): Name | undefined => names.get(value) };
}

const spaces = enumeration<SpaceName, wire.Space>({
  nasbench201: wire.Space.SPACE_NASBENCH201,
  darts: wire.Space.SPACE_DARTS,
  enas: wire.Space.SPACE_ENAS,
  resblock: wire.Space.SPACE_RESBLOCK,
  vgg: wire.Space.SPACE_VGG,
  mobilenetv2: wire.Space.SPACE_MOBILENETV2,
});
const presetNames = enumeration<PresetName, wire.Preset>({
  nat: wire.Preset.PRESET_NAT,
  'nat++': wire.Preset.PRESET_NAT_PLUS_PLUS,
  small: wire.Preset.PRESET_SMALL,
  tabular: wire.Preset.PRESET_TABULAR,
});
const splits = enumeration<'set-aside' | 'official', evaluationWire.SearchSplit>({
  'set-aside': evaluationWire.SearchSplit.SEARCH_SPLIT_SET_ASIDE,
  official: evaluationWire.SearchSplit.SEARCH_SPLIT_OFFICIAL,
});
const shapes = enumeration<AdvantageShape, wire.AdvantageShape>({
  linear: wire.AdvantageShape.ADVANTAGE_SHAPE_LINEAR,
  root: wire.AdvantageShape.ADVANTAGE_SHAPE_ROOT,
});

export const splitToWire = splits.toWire;

/** What a request asks for. The rules of the contract hold: `sources` and `reward` are there, and one of their kinds. */
export function searchSpecFromWire(spec: wire.SearchSpec): SearchSpec {
  const { actions, policy, learner, pipelining, heldOutComparison, seed, priority, threads } = spec;
  return {
    sources: sourcesFromWire(spec.sources),
    actions: {
      scheme: actions === undefined ? undefined : schemeFromWire(actions.scheme),
      masking: actions === undefined ? undefined : maskingFromWire(actions.masking),
      placement: placementFromWire(actions?.placement),
    },
    policy: { encoder: encoderFromWire(policy), initialPolicy: policy?.initialPolicy === '' ? undefined : policy?.initialPolicy },
    reward: rewardFromWire(spec.reward),
    learner: {
      steps: learner?.steps,
      batch: learner?.batch,
      baseline: baselineFromWire(learner),
      learningRate: learner?.learningRate,
      entropyWeight: learner?.entropyWeight,
      adam: learner?.adam,
      advantageShape: learner === undefined ? undefined : shapes.fromWire(learner.advantageShape),
    },
    pipelining,
    heldOutComparison,
    preset: presetNames.fromWire(spec.preset),
    seed,
    priority,
    threads,
  };
}

function sourcesFromWire(sources: wire.SourceSpec | undefined): SourceSpec {
  const kind = sources?.kind;
  if (kind?.$case === 'zoo') return { kind: 'zoo', name: kind.value };
  const space = spaces.fromWire(kind?.value ?? '');
  if (space === undefined) throw new TypeError('the contract lets no search without sources through');
  return { kind: 'space', space };
}

function encoderFromWire(policy: wire.PolicySpec | undefined): Given<'policy'>['encoder'] {
  const encoder = policy?.encoder;
  switch (encoder?.$case) {
    case 'edgeGnn':
      return { kind: 'edge-gnn', ...encoder.value };
    case 'gcn':
      return { kind: 'gcn', ...encoder.value };
    case undefined:
      return undefined;
  }
}

function baselineFromWire(learner: wire.LearnerSpec | undefined): Given<'learner'>['baseline'] {
  const baseline = learner?.baseline;
  switch (baseline?.$case) {
    case 'movingAverage':
      return { kind: 'moving-average', decay: baseline.value.decay };
    case 'officialMovingAverage':
      return { kind: 'moving-average-official', decay: baseline.value.decay };
    case 'selfCritical':
      return { kind: 'self-critical' };
    case undefined:
      return undefined;
  }
}

function rewardFromWire(reward: wire.RewardSpec | undefined): SearchSpec['reward'] {
  const candidatesPerEvaluation = reward?.candidatesPerEvaluation;
  const kind = reward?.kind;
  switch (kind?.$case) {
    case 'tabular':
      return { kind: 'tabular', column: kind.value.column, candidatesPerEvaluation };
    case 'sharedWeights':
      return { kind: 'shared-weights', ...kind.value, split: splits.fromWire(kind.value.split), candidatesPerEvaluation };
    case 'fromScratch': {
      const { time, ...rest } = kind.value;
      return { kind: 'from-scratch', ...rest, timeMs: time === undefined ? undefined : fromDuration(time), candidatesPerEvaluation };
    }
    case undefined:
      throw new TypeError('the contract lets no search without a reward through');
  }
}

/** What is run, as it is stored and shown. */
export function searchSpecToWire(spec: EffectiveSearchSpec): wire.SearchSpec {
  const { sources, actions, policy, reward, learner, pipelining, heldOutComparison, preset, seed, priority, threads } = spec;
  return {
    sources: { kind: sources.kind === 'zoo' ? { $case: 'zoo', value: sources.name } : { $case: 'space', value: spaces.toWire(sources.space) } },
    actions: { scheme: schemeToWire(actions.scheme), masking: maskingToWire(actions.masking), placement: placementToWire(actions.placement) },
    policy: { encoder: encoderToWire(policy.encoder), initialPolicy: policy.initialPolicy ?? '' },
    reward: { kind: rewardToWire(reward), candidatesPerEvaluation: reward.candidatesPerEvaluation },
    learner: { ...learner, baseline: baselineToWire(learner.baseline), advantageShape: shapes.toWire(learner.advantageShape) },
    pipelining,
    heldOutComparison,
    preset: presetNames.toWire(preset),
    seed,
    priority,
    threads,
  };
}

function encoderToWire(encoder: EffectiveSearchSpec['policy']['encoder']): wire.PolicySpec['encoder'] {
  const { kind, ...size } = encoder;
  return kind === 'gcn' ? { $case: 'gcn', value: wire.GcnEncoder.create(size) } : { $case: 'edgeGnn', value: wire.EdgeGnnEncoder.create(size) };
}

function baselineToWire(baseline: EffectiveSearchSpec['learner']['baseline']): wire.LearnerSpec['baseline'] {
  switch (baseline.kind) {
    case 'moving-average':
      return { $case: 'movingAverage', value: { decay: baseline.decay } };
    case 'moving-average-official':
      return { $case: 'officialMovingAverage', value: { decay: baseline.decay } };
    case 'self-critical':
      return { $case: 'selfCritical', value: {} };
  }
}

function rewardToWire(reward: EffectiveSearchSpec['reward']): wire.RewardSpec['kind'] {
  switch (reward.kind) {
    case 'tabular':
      return { $case: 'tabular', value: { column: reward.column } };
    case 'shared-weights':
      return { $case: 'sharedWeights', value: wire.SharedWeightsReward.create({ ...reward, split: splits.toWire(reward.split) }) };
    case 'from-scratch':
      return {
        $case: 'fromScratch',
        value: wire.FromScratchReward.create({ ...reward, time: reward.timeMs === undefined ? undefined : toDuration(reward.timeMs) }),
      };
  }
}

const REWARD_FIELDS = { tabular: 'tabular', 'shared-weights': 'shared_weights', 'from-scratch': 'from_scratch' } as const;
const ENCODER_FIELDS = { 'edge-gnn': 'edge_gnn', gcn: 'gcn' } as const;

/** What the contract calls a field of the domain, such as `reward.shared_weights.policy_start_epoch` for `reward.policyStartEpoch`. */
export function searchField(field: string, { sources, reward, policy }: SearchSpec): string {
  const encoder = policy?.encoder === undefined ? 'encoder' : ENCODER_FIELDS[policy.encoder.kind];
  return field
    .replace(/^reward(?=$|\.(?!candidatesPerEvaluation))/, `reward.${REWARD_FIELDS[reward.kind]}`)
    .replace(/^sources\.name$/, 'sources.zoo')
    .replace(/^sources$/, `sources.${sources.kind}`)
    .replace(/^policy\.encoder/, `policy.${encoder}`)
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
