import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { listZoo, readNasBench201, writeNasBench201, zooArchitecture, type SchemeName } from '@nat/cells';
import { columnOf, loadNasBench201, rowOfCell } from '@nat/datasets';
import { createEnvironment, HELD_OUT_MODULUS, likeliestTransform, PolicyInference } from '@nat/nat';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadBundledPolicies } from './bundled.ts';

/** What a reader of any card finds. */
const cardSchema = z.looseObject({
  displayName: z.string().min(1),
  description: z.string().min(100),
  command: z.string().startsWith('nat '),
  data: z.string().min(1),
  steps: z.int().positive(),
  curve: z.looseObject({ everySteps: z.int().positive(), entropy: z.array(z.number()).min(10).max(100) }),
});
/** Cards of policies that children taught. */
const learnedSchema = cardSchema.extend({
  observations: z.looseObject({ sources: z.int().positive(), steps: z.int().positive() }),
  rewardModel: z.looseObject({ agreement: z.number().min(0).max(1), heldBackPairs: z.int().positive() }),
  heldOut: z.looseObject({ sources: z.int().min(2), difference: z.object({ mean: z.number(), half: z.number().nonnegative() }) }),
});
/** A published architecture of each space, by the end of an id. */
const ZOO: Readonly<Record<string, string>> = { block: 'ResBlock', 'fully-concat': 'DARTS', 'loose-end': 'ENAS' };
/** By the beginning of an id. */
const SCHEMES: Readonly<Record<string, SchemeName>> = { nat: 'nat', natv2: 'nat++' };

/**
 * SHA-256, first 16 digits, of what each policy did with every network of the zoo in both schemes when it was published: greedy actions and
 * log-probabilities. Features, masks, costs and inference may be written anew; these stay.
 */
const PUBLISHED_RESULTS: Readonly<Record<string, string>> = {
  'nat-block': '6a90f8f0038c860b',
  'nat-fully-concat': '189088c3acbad78e',
  'nat-loose-end': '6a5f859dc76db69a',
  nat: '9eeb4c65e4d125f5',
  'natv2-block': '8cf1a6cce8d52b17',
  'natv2-fully-concat': 'd96313b6abbb818c',
  'natv2-loose-end': '40ce6ba808ef4ce0',
};

const bundled = await loadBundledPolicies();

describe('bundled policies', () => {
  it('hold the default', () => {
    expect(bundled.get('nat')).toMatchObject({ scheme: 'nat', checkpoint: { step: 500 } });
  });

  it.each([...bundled.keys()])('%s has a card that says how it was learned', async (id) => {
    const card: unknown = JSON.parse(await readFile(new URL(`../../bundled/${id}.json`, import.meta.url), 'utf8'));
    const { steps } = (id === 'nat' ? cardSchema : learnedSchema).parse(card);
    expect(bundled.get(id)!.checkpoint.step).toBe(steps);
  });

  it.each([...bundled.keys()])('%s decides as it did when it was published', (id) => {
    const policy = new PolicyInference(bundled.get(id)!.checkpoint);
    const results = listZoo().flatMap(({ name }) =>
      (['nat', 'nat++'] as const).map((scheme) => {
        const environment = createEnvironment(zooArchitecture(name), { scheme, mode: 'cost-masked' });
        const { actions, logProb } = policy.sample(environment, { mode: 'greedy' });
        return `${name} ${scheme} ${[...actions].join()} ${logProb.toPrecision(12)}`;
      }),
    );
    expect(createHash('sha256').update(results.join('\n')).digest('hex').slice(0, 16)).toBe(PUBLISHED_RESULTS[id]);
  });

  it.each([...bundled.keys()].filter((id) => id !== 'nat'))('%s transforms the published architecture of its space, for no more cost', (id) => {
    const { scheme, checkpoint } = bundled.get(id)!;
    const [prefix, ...rest] = id.split('-');
    expect(scheme).toBe(SCHEMES[prefix!]);
    const policy = new PolicyInference(checkpoint);
    // The published architecture may be kept whole: others of the zoo are edited.
    for (const name of new Set([ZOO[rest.join('-')]!, 'DARTS', 'ENAS', 'R1', 'resnet20'])) {
      const environment = createEnvironment(zooArchitecture(name), { scheme, mode: 'cost-masked' });
      const { source, result, holds } = policy.sample(environment, { mode: 'greedy' }).certificate;
      expect(holds).toBe(true);
      for (const cost of ['params', 'macs', 'peakActivationBytes'] as const) expect(result[cost]).toBeLessThanOrEqual(source[cost]);
    }
  });
});

const dataDirectory = process.env['NAT_DATA_DIR'];

describe('the default policy', () => {
  it.skipIf(dataDirectory === undefined)(
    `does to held-out cells of NAS-Bench-201 what README says${dataDirectory === undefined ? ' (skipped: NAT_DATA_DIR is not set)' : ''}`,
    () => {
      const table = loadNasBench201(dataDirectory);
      const [accuracy, classes] = [columnOf(table, 'c10_valid_200'), columnOf(table, 'iso_class')];
      const policy = new PolicyInference(bundled.get('nat')!.checkpoint);
      const heldOut = [...table.cells.keys()].filter((row) => classes[row]! % HELD_OUT_MODULUS === 0);
      const results = heldOut.map((row) => {
        const environment = createEnvironment(readNasBench201(table.cells[row]!), { scheme: 'nat', mode: 'cost-masked' });
        const { result, certificate } = likeliestTransform(policy, environment).transform;
        const gain = accuracy[rowOfCell(table, writeNasBench201(result))]! - accuracy[row]!;
        return { gain, smaller: certificate.result.macs < certificate.source.macs, holds: certificate.holds };
      });
      const smaller = results.filter((each) => each.smaller);
      const mean = results.reduce((sum, { gain }) => sum + gain, 0) / results.length;
      expect({
        cells: results.length,
        smaller: smaller.length,
        smallerAndBetter: smaller.filter(({ gain }) => gain > 0).length,
        worsePercent: Math.round((100 * results.filter(({ gain }) => gain < -0.2).length) / results.length),
        mean: mean.toFixed(1),
        holds: results.every(({ holds }) => holds),
      }).toEqual({ cells: 1710, smaller: 547, smallerAndBetter: 423, worsePercent: 12, mean: '12.6', holds: true });
    },
  );
});
