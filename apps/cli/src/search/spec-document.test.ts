import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { search as wire } from '@nat/contracts';
import { DomainError, isDomainError } from '@nat/base/errors';
import { fillDefaults } from '@nat/nat';
import { describe, expect, it } from 'vitest';
import type { Terminal } from '@nat/console';
import { searchSpecOf, type SearchSpecFlags } from './flags.ts';
import { formatSpec, SpecDocument } from './spec-document.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'examples', 'search.yaml');

const parse = (text: string, ...assignments: readonly string[]): wire.SearchSpec => {
  const document = new SpecDocument();
  document.read(text, 'search.yaml');
  for (const assignment of assignments) document.assign(assignment);
  return document.toMessage();
};

/** What is said of the fields that do not fit. */
const refusal = (work: () => unknown): Readonly<Record<string, string>> => {
  try {
    work();
  } catch (error) {
    if (!isDomainError(error)) throw error;
    expect(error.kind).toBe('INVALID_ARGUMENT');
    return Object.fromEntries(error.violations.map(({ field, description }) => [field, description]));
  }
  throw new Error('not refused');
};

const MINIMAL = `sources:
  space: SPACE_NASBENCH201
reward:
  tabular:
learner:
  steps: 500
  batch: 512
`;

describe('a search from a file', () => {
  it('is YAML or JSON, under either spelling of a field', () => {
    const spec = parse(MINIMAL);
    expect(spec).toEqual(wire.SearchSpec.fromJSON({ sources: { space: 'SPACE_NASBENCH201' }, reward: { tabular: {} }, learner: { steps: 500, batch: 512 } }));
    expect(parse(JSON.stringify({ sources: { space: 'SPACE_NASBENCH201' }, reward: { tabular: {} }, learner: { steps: 500, batch: 512 } }))).toEqual(spec);
    expect(parse('sources: {zoo: resnet20}\nreward: {from_scratch: {time: 90s, image_batch: 8}}\nseed: 9007199254740991')).toEqual(
      parse('sources: {zoo: resnet20}\nreward: {fromScratch: {time: 90s, imageBatch: 8}}\nseed: 9007199254740991'),
    );
  });

  it('is written as it is read', () => {
    const spec = parse(MINIMAL, 'reward.sharedWeights.weightTraining.learningRate=0.05', 'seed=7', 'learner.moving_average.decay=0.5');
    expect(parse(formatSpec(spec))).toEqual(spec);
  });

  it('takes single fields from --set, in place of other kinds', () => {
    const spec = parse(MINIMAL, 'learner.steps=7', 'reward.shared_weights.dataset=cifar10', 'policy.gcn={features: 64}', 'reward.tabular.column=12');
    expect(spec.learner).toMatchObject({ steps: 7, batch: 512 });
    expect(spec.policy!.encoder).toEqual({ $case: 'gcn', value: wire.GcnEncoder.create({ features: 64 }) });
    // The last kind that was asked for; a text may look like a number there.
    expect(spec.reward!.kind).toEqual({ $case: 'tabular', value: { column: '12' } });
  });

  it('says of every field that does not fit what is wrong, and where it stands', () => {
    expect(refusal(() => parse(`${MINIMAL}  stepz: 3\npreset: PRESET_BEST\nseed: many\nreward2: 1\n`))).toEqual({
      'search.yaml:8: learner.stepz': expect.stringMatching(/^is no field of LearnerSpec: steps, batch, /) as unknown,
      'search.yaml:9: preset': 'is one of PRESET_NAT, PRESET_NAT_PLUS_PLUS, PRESET_SMALL, PRESET_TABULAR',
      'search.yaml:10: seed': 'is an integer',
      'search.yaml:11: reward2': expect.stringMatching(/^is no field of SearchSpec: sources, /) as unknown,
    });
    expect(refusal(() => parse(MINIMAL.replace('tabular:', 'tabular:\n  sharedWeights: {}')))).toEqual({
      'search.yaml:5: reward.sharedWeights': 'is given beside tabular: give one of the two',
    });
    expect(refusal(() => parse(MINIMAL.replace('batch: 512', 'batch: 0')))).toEqual({
      'search.yaml:7: learner.batch': expect.stringContaining('greater') as unknown,
    });
    expect(refusal(() => parse('learner:\n  steps: 1\nlearner:\n'))).toEqual({ 'search.yaml:3': expect.stringContaining('unique') as unknown });
    expect(refusal(() => parse('- a list'))).toEqual({ 'search.yaml:1: ': expect.stringMatching(/^has members: sources/) as unknown });
    expect(refusal(() => parse(' \n'))).toEqual({ 'search.yaml': expect.stringContaining('is empty') as unknown });
    expect(refusal(() => parse('sources: {space: SPACE_DARTS}'))).toEqual({ 'search.yaml:1: reward': expect.any(String) as unknown });
  });

  it('says of --set what is wrong with it', () => {
    expect(refusal(() => parse(MINIMAL, 'learner.stepz=3', 'learner.steps=x', 'steps', 'seed.low=1', 'reward.fromScratch.time=90'))).toEqual({
      '--set learner.stepz=3': expect.stringMatching(/^learner has no stepz: it has steps, /) as unknown,
      '--set learner.steps=x': 'is an integer',
      '--set steps': expect.stringContaining('FIELD=VALUE') as unknown,
      '--set seed.low=1': 'a search seed has no fields',
      '--set reward.fromScratch.time=90': 'is a time in seconds, such as 90s',
    });
    expect(refusal(() => parse(MINIMAL, 'pipelining.rounds_in_flight=65'))).toEqual({ '--set pipelining.rounds_in_flight=65': expect.any(String) as unknown });
  });

  it('places what the server refuses', () => {
    const document = new SpecDocument();
    document.read(MINIMAL, 'search.yaml');
    document.assign('actions.scheme=SCHEME_NAT_PLUS_PLUS');
    const error = DomainError.invalidFields([
      { field: 'spec.actions.scheme', description: 'a' },
      { field: 'spec.learner.steps', description: 'b' },
      { field: 'spec.reward.tabular', description: 'c' },
      { field: 'spec.policy.initial_policy', description: 'd' },
      { field: 'search_id', description: 'e' },
    ]);
    expect(document.locate(error, 'spec.').violations.map(({ field }) => field)).toEqual([
      '--set actions.scheme=SCHEME_NAT_PLUS_PLUS',
      'search.yaml:6: learner.steps',
      'search.yaml:4: reward.tabular',
      'search.yaml:1: policy.initialPolicy',
      'search_id',
    ]);
  });
});

describe('the flags of nat search', () => {
  const terminal = { readAll: () => Promise.resolve(MINIMAL) } as Terminal;
  const specOf = async (flags: SearchSpecFlags): Promise<wire.SearchSpec> => (await searchSpecOf(flags, terminal)).toMessage();
  const fieldsOf = (flags: SearchSpecFlags): Promise<readonly string[]> =>
    specOf(flags).then(
      () => [],
      (error: unknown) => (isDomainError(error) ? error.violations.map(({ field }) => field) : [String(error)]),
    );

  it('are short for the fields that most searches name', async () => {
    expect(await specOf({ space: 'nasbench201', evaluator: 'tabular', reward: 'c10_valid_12', steps: 5, batch: 4, seed: 3, roundsInFlight: 2 })).toEqual(
      wire.SearchSpec.fromJSON({
        sources: { space: 'SPACE_NASBENCH201' },
        reward: { tabular: { column: 'c10_valid_12' } },
        learner: { steps: 5, batch: 4 },
        seed: 3,
        pipelining: { roundsInFlight: 2 },
      }),
    );
    expect(await specOf({ space: 'DARTS', evaluator: 'shared-weights', dataset: 'cifar10', preset: 'nat++', set: ['reward.sharedWeights.epochs=2'] })).toEqual(
      wire.SearchSpec.fromJSON({ sources: { zoo: 'DARTS' }, reward: { sharedWeights: { dataset: 'cifar10', epochs: 2 } }, preset: 'PRESET_NAT_PLUS_PLUS' }),
    );
  });

  it('replace what a file says', async () => {
    const spec = await specOf({
      file: '-',
      steps: 9,
      space: 'enas',
      evaluator: 'from-scratch',
      dataset: 'mnist',
      set: ['learner.batch=2', 'learner.steps=10'],
    });
    expect(spec).toEqual(
      wire.SearchSpec.fromJSON({ sources: { space: 'SPACE_ENAS' }, reward: { fromScratch: { dataset: 'mnist' } }, learner: { steps: 10, batch: 2 } }),
    );
    // A kind that the file has already keeps what the file says of it.
    expect((await specOf({ file: '-', evaluator: 'tabular', set: ['reward.candidatesPerEvaluation=3'] })).reward).toMatchObject({ candidatesPerEvaluation: 3 });
  });

  it('are refused where they are not enough, or go not together', async () => {
    expect(await fieldsOf({ steps: 3 })).toEqual(['--space', '--evaluator']);
    expect(await fieldsOf({ space: 'nasbench201', evaluator: 'tabular', dataset: 'mnist' })).toEqual(['--dataset']);
    await expect(searchSpecOf({ file: './no-such-file.yaml' }, terminal)).rejects.toMatchObject({ kind: 'NOT_FOUND', reason: 'FILE_NOT_FOUND' });
  });
});

describe('the example in docs', () => {
  it('is what its comments say: the preset with every default stated', () => {
    const spec = parse(readFileSync(EXAMPLE, 'utf8'));
    const small = fillDefaults({ sources: { kind: 'space', space: 'resblock' }, reward: { kind: 'shared-weights' }, preset: 'small' });
    if (small.reward.kind !== 'shared-weights') throw new TypeError('another kind of reward');
    expect(spec.learner).toMatchObject({
      steps: small.learner.steps,
      batch: small.learner.batch,
      learningRate: small.learner.learningRate,
      entropyWeight: small.learner.entropyWeight,
      adam: small.learner.adam,
    });
    const { epochs, policyStartEpoch, policyStepsPerEpoch, weightTraining, scoreBatches } = small.reward;
    expect(spec.reward!.kind!.value).toMatchObject({ epochs, policyStartEpoch, policyStepsPerEpoch, weightTraining, scoreBatches });
    expect(spec.pipelining).toEqual(small.pipelining);
    expect(spec.heldOutComparison).toEqual(small.heldOutComparison);
  });

  it('names every section of a specification', () => {
    const spec = parse(readFileSync(EXAMPLE, 'utf8'));
    expect(Object.entries(spec).filter(([, value]) => value === undefined || value === 'PRESET_UNSPECIFIED')).toEqual([]);
  });
});
