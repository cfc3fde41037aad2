import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { search as wire } from '@nat/contracts';
import { openEmbedded } from '@nat/storage';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CrashArguments, CrashPoint } from './testing/crash-process.ts';
import { sharedWeightsSpec, tabularSpec } from './testing/specs.ts';
import { HANG_MS } from './testing/hang.ts';
import type { SearchTables } from './store/tables.ts';
import { writeTinyTable } from './testing/tiny-table.ts';

const ENTRY = fileURLToPath(new URL('./testing/crash-process.ts', import.meta.url));
const run = promisify(execFile);
const tabular = tabularSpec({ steps: 7, batch: 12 }, { seed: 3 });
/** Three epochs of two policy steps; the first begins with three rounds of weight training, two shards each, the others with two. */
const sharedWeights = sharedWeightsSpec(
  { epochs: 3, policyStartEpoch: 0, policyStepsPerEpoch: 2, weightTraining: { stepsPerEpoch: 10, warmupSteps: 4, stepsPerRound: 5 } },
  { batch: 4 },
  { heldOutComparison: { sources: 6 }, seed: 3 },
);

describe('a search whose process is killed', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nat-crash-'));
    await writeTinyTable(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const search = async (
    spec: wire.SearchSpec,
    home: string,
    crash?: CrashArguments['crash'],
    silent: readonly string[] = [],
  ): Promise<wire.Search | 'killed'> => {
    const args: CrashArguments = {
      home: join(folder, home),
      dataDirectory: folder,
      spec: wire.SearchSpec.toJSON(spec),
      searchId: 'same',
      silent,
      ...(crash === undefined ? {} : { crash }),
    };
    try {
      const { stdout } = await run(process.execPath, [ENTRY, JSON.stringify(args)], { timeout: HANG_MS });
      return JSON.parse(stdout) as wire.Search;
    } catch (error) {
      if ((error as { signal?: string }).signal === 'SIGKILL') return 'killed';
      throw error;
    }
  };

  it('learns the same policy, to the bit, and counts every pair once, wherever it is killed', { timeout: HANG_MS }, async () => {
    const undisturbed = await search(tabular, 'undisturbed');
    expect(undisturbed).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 7, rewards: 84, failedCandidates: 0 });

    // One kill after the other, in the same data directory.
    const points: readonly CrashPoint[] = ['before-submit', 'after-submit', 'before-learn', 'after-learn', 'before-commit', 'before-draw'];
    for (const [i, point] of points.entries())
      expect({ point, end: await search(tabular, 'killed', { point, step: i + 1 }) }).toEqual({ point, end: 'killed' });
    const resumed = await search(tabular, 'killed');

    expect(resumed).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 7, rewards: 84, failedCandidates: 0 });
    expect((resumed as wire.Search).policySha256).toMatch(/^[0-9a-f]{64}$/);
    expect((resumed as wire.Search).policySha256).toBe((undisturbed as wire.Search).policySha256);
  });

  it('trains the same shared weights in shards, and compares the same policies, wherever it is killed', { timeout: HANG_MS }, async () => {
    const undisturbed = await search(sharedWeights, 'weights');
    expect(undisturbed).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 6, rewards: 24, failedCandidates: 0, weightRounds: 7 });
    expect(undisturbed).toMatchObject({ heldOut: { sources: 6, images: 2_000 } });

    const crashes: readonly (readonly [CrashPoint, number])[] = [
      ['before-average', 1],
      ['after-average', 1],
      ['after-learn', 2],
      ['before-submit', 3],
      ['before-average', 5],
      ['before-commit', 6],
      ['before-submit', 7], // of the comparison
      ['after-submit', 7],
    ];
    for (const [point, step] of crashes)
      expect({ point, end: await search(sharedWeights, 'weights-killed', { point, step }) }).toEqual({ point, end: 'killed' });
    const resumed = await search(sharedWeights, 'weights-killed');

    const same = ({ policySha256, weights, weightRounds, candidates, rewards, heldOut }: wire.Search): unknown => ({
      policySha256,
      weights,
      weightRounds,
      candidates,
      rewards,
      heldOut,
    });
    expect(same(resumed as wire.Search)).toEqual(same(undisturbed as wire.Search));
  });

  it('counts every round of an asynchronous search once, or drops it, wherever it is killed', { timeout: HANG_MS }, async () => {
    // Two evaluations a round, or one. The fourth, drawn after the first step, never ends, so it is dropped once three more were learned without it.
    const spec = tabularSpec(
      { steps: 10, batch: 12, movingAverage: {} },
      { seed: 3, reward: { tabular: {}, candidatesPerEvaluation: 12 }, pipelining: { roundsInFlight: 3, maxStaleness: 2 } },
    );
    const silent = ['same.4.0', 'same.4.12', 'same.4.24'];
    const crashes: readonly (readonly [CrashPoint, number])[] = [
      ['before-submit', 2],
      ['after-submit', 3],
      ['before-learn', 1],
      ['after-learn', 2],
      ['before-commit', 3],
      ['before-cancel', 4],
      ['before-draw', 5],
    ];
    for (const [point, step] of crashes) expect({ point, end: await search(spec, 'asynchronous', { point, step }, silent) }).toEqual({ point, end: 'killed' });
    const final = (await search(spec, 'asynchronous', undefined, silent)) as wire.Search;
    expect(final).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 10, rewards: 120, droppedTrials: 12 });

    const { database } = await openEmbedded(join(folder, 'asynchronous'));
    try {
      const { kysely } = database.as<SearchTables>();
      const rounds = await kysely.selectFrom('policy.round').select(['ordinal', 'number', 'learned_step', 'dropped']).orderBy('number').execute();
      // Nothing drawn is lost: a step learned from each round but the one that was dropped.
      expect(rounds.map(({ number }) => number)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
      expect(rounds.filter(({ dropped }) => dropped !== null).map(({ number, dropped }) => [number, dropped!.split(':')[0]])).toEqual([[4, 'STALE']]);
      const learned = rounds.flatMap(({ learned_step: step }) => (step === null ? [] : [step]));
      expect([...learned].sort((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
      const steps = await kysely.selectFrom('policy.step').selectAll().orderBy('step').execute();
      expect(steps.map(({ round }) => round)).toEqual(learned.map((_, i) => rounds.find((round) => round.learned_step === i + 1)!.number));
      for (const { staleness } of steps) expect(staleness).toBeLessThanOrEqual(2);
      expect(steps.reduce((sum, { dropped_trials: dropped }) => sum + dropped, 0)).toBe(12);
      const { rows } = await sql<{ dropped: boolean; candidates: number }>`
        SELECT r.dropped IS NOT NULL AS dropped, sum(e.candidates)::int AS candidates
        FROM policy.round r JOIN policy.evaluation e ON e.round = r.ordinal GROUP BY 1 ORDER BY 1`.execute(kysely);
      expect(rows.map(({ candidates }) => candidates)).toEqual([final.candidates, final.failedCandidates]);
    } finally {
      await database.close();
    }
  });
});
