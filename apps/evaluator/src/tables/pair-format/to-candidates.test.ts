/** Messages as the version that evaluated pairs wrote them, byte for byte. */
import { readFileSync } from 'node:fs';
import { evaluation, type rpc } from '@nat/contracts';
import { statusToDomainError } from '@nat/service';
import { describe, expect, it } from 'vitest';
import { convertOutcome, convertSpec } from './to-candidates.ts';

interface Stored {
  readonly spec: string;
  readonly outcome: string | null;
}
const stored = JSON.parse(readFileSync(new URL('./stored-messages.json', import.meta.url), 'utf8')) as Readonly<Record<string, Stored>>;

function convert(name: string): { readonly spec: evaluation.EvaluationSpec; readonly result: evaluation.Outcome['result'] } {
  const { spec: specBytes, outcome } = stored[name]!;
  const { spec, candidates } = convertSpec(Buffer.from(specBytes, 'base64'));
  // What was converted can be written and read as a message of today.
  const written = evaluation.EvaluationSpec.decode(evaluation.EvaluationSpec.encode(spec).finish());
  expect(written).toEqual(spec);
  return { spec: written, result: outcome === null ? undefined : convertOutcome(Buffer.from(outcome, 'base64'), candidates).result };
}

const describeError = (status: rpc.Status | undefined): string => {
  const { reason, message } = statusToDomainError(status!);
  return `${reason}: ${message}`;
};
const key = (letter: string): string => letter.repeat(64);

describe('what was stored of pairs', () => {
  it('becomes candidates, numbered as pairs of a search were', () => {
    const { spec, result } = convert('tabular');
    const cell = (operation: string) => ({
      ref: { $case: 'nasbench201', value: `|${operation}~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|` },
      displayName: undefined,
    });
    expect(spec).toMatchObject({ search: 'namespaces/default/searches/s1', priority: -5, capabilities: ['gpu'], maxAttempts: 20, resumeFrom: undefined });
    expect(spec.kind).toEqual({
      $case: 'tabular',
      value: {
        table: 'BENCHMARK_TABLE_NASBENCH201',
        column: 'c10_valid_200',
        candidates: [
          { id: 'default/s1/4/12', architecture: cell('nor_conv_3x3') },
          { id: 'default/s1/4/13', architecture: cell('skip_connect') },
          { id: 'default/s1/4/14', architecture: cell('nor_conv_3x3') },
          { id: 'default/s1/4/15', architecture: cell('none') },
        ],
      },
    });
    if (result?.$case !== 'succeeded') throw new Error('it did not succeed');
    const [source, ...rest] = result.value.results;
    expect(source).toEqual({ candidateId: 'default/s1/4/12', result: { $case: 'value', value: 90.5 }, report: undefined });
    expect(rest[0]).toMatchObject({ candidateId: 'default/s1/4/13', result: { $case: 'value', value: 91.25 } });
    // Which of both it was is not known.
    const errors = rest.slice(1).map((one) => (one.result?.$case === 'error' ? `${one.candidateId} ${describeError(one.result.value)}` : ''));
    expect(errors).toEqual(['default/s1/4/14 UNKNOWN_CELL: it is not in the table', 'default/s1/4/15 UNKNOWN_CELL: it is not in the table']);
  });

  it('becomes children with their recipe and reports; what was zero is absent', () => {
    const { spec, result } = convert('fromScratch');
    expect(spec).toMatchObject({ resumeFrom: key('f'), maxAttempts: undefined, search: '' });
    expect(spec.budget).toEqual({ time: { seconds: 60, nanos: 0 }, epochs: 9, steps: undefined, memoryBytes: 1_000_000_000 });
    if (spec.kind?.$case !== 'fromScratch' || result?.$case !== 'succeeded') throw new Error('of another kind');
    const { candidates, recipe, placement, inherit, ...flags } = spec.kind.value;
    expect(candidates.map(({ id, architecture }) => [id, architecture?.ref?.value])).toEqual([
      ['a-source', 'DARTS'],
      ['a-result', 'NAT_DARTS'],
      ['b', 'ENAS'],
    ]);
    expect(recipe).toEqual({
      preset: 'RECIPE_PRESET_OFFICIAL',
      epochs: 4,
      maxSteps: 100,
      maxTime: { seconds: 3, nanos: 500_000_000 },
      batch: 32,
      learningRate: 0.1,
      momentum: 0.8,
      weightDecay: 0.001,
      seed: 7,
      threads: 2,
      trainImages: 640,
      validationImages: 320,
      clipNorm: 3,
      labelSmoothing: 0,
      dropPath: 0.1,
      auxiliaryWeight: 0,
      cutout: 0,
      patience: 2,
      stopAfterEpochs: 3,
    });
    expect(placement).toMatchObject({ network: 'NETWORK_EVALUATION', channels: 8, layers: 5 });
    expect(inherit).toMatchObject({ weights: key('e'), source: { ref: { $case: 'zoo', value: 'DARTS' } } });
    expect(flags).toEqual({ dataset: 'cifar10', reportTest: true, keepWeights: true, keepCheckpoints: true });
    expect(result.value.results.map((one) => [one.candidateId, one.result?.value])).toEqual([
      ['a-source', 0.5],
      ['a-result', 0.625],
      ['b', 0.75],
    ]);
    expect(result.value.results[1]!.report).toEqual({
      validationAccuracy: 0.625,
      testAccuracy: 0.5,
      cost: { params: 1234, macs: 56789, peakActivationBytes: 0 },
      duration: { seconds: 1, nanos: 500_000_000 },
      imagesPerSecond: 320.25,
      epochs: 2,
      steps: 14,
      judgedEpoch: 2,
      end: 'TRAINING_END_FINISHED',
      weights: key('c'),
      checkpoint: key('d'),
      inherited: { params: 1000, validationAccuracy: 0.25 },
    });
  });

  it('becomes scoring on the same images', () => {
    const imagesOf = (name: string) => {
      const { kind } = convert(name).spec;
      if (kind?.$case !== 'sharedWeights') throw new Error('of another kind');
      return kind.value;
    };
    expect(imagesOf('policyImages').images).toEqual({ $case: 'policyImages', value: { batches: 2, seed: 99 } });
    expect(imagesOf('selectionImages').images).toEqual({ $case: 'selectionImages', value: { count: 500 } });
    expect(imagesOf('testImages')).toEqual({
      images: { $case: 'testImages', value: { count: undefined } },
      weights: key('a'),
      candidates: [{ id: 'default/operations/o/0', architecture: { ref: { $case: 'zoo', value: 'ResBlock' }, displayName: undefined } }],
      supernet: {
        wiring: 'WIRING_LOOSE_END',
        scheme: 'SCHEME_NAT_PLUS_PLUS',
        dataset: 'cifar10',
        channels: 16,
        layers: 6,
        seed: 11,
        imageBatch: 64,
        optimizer: { learningRate: 0.025, momentum: 0.5, weightDecay: 0, clipNorm: 4 },
        split: 'SEARCH_SPLIT_OFFICIAL',
        block: 'ResBlock',
        threads: 2,
      },
    });
  });

  it('keeps the training of weights, failures and cancellations', () => {
    const shard = convert('trainShard');
    expect(shard.spec.kind).toMatchObject({ $case: 'trainShard', value: { weights: undefined, round: 3, shard: 1, shards: 2, steps: 50, seed: 5 } });
    expect(shard.result).toEqual({ $case: 'succeeded', value: { results: [], weights: key('b'), metrics: { trainLoss: 1.5, steps: 50 } } });
    const average = convert('average');
    expect(average.spec.kind).toEqual({ $case: 'average', value: { round: 3, weights: [key('a'), key('b')] } });
    const failures = [average.result, convert('policyImages').result].map((result) =>
      result?.$case === 'failed' ? [describeError(result.value.error), result.value.terminal] : [],
    );
    expect(failures).toEqual([
      ['BLOB_NOT_FOUND: there is none', true],
      ['TRAINER_CRASHED: it was killed', false],
    ]);
    expect(convert('selectionImages').result).toEqual({ $case: 'cancelled', value: { reason: 'enough' } });
  });

  it('is refused where it is no message', () => {
    expect(() => convertSpec(Buffer.from('not a message'))).toThrow();
    expect(() => convertSpec(new Uint8Array())).toThrow('of no kind');
  });
});
