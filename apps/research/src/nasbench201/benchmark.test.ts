import { NASBENCH201_OPERATIONS } from '@nat/cells';
import { columnOf, loadNasBench201, parseNasBench201, type NasBench201Table } from '@nat/datasets';
import {
  candidatesOfRound,
  collateRound,
  createCheckpoint,
  EDGE_POLICY,
  parseCheckpoint,
  PolicyInference,
  searchHyperparameters,
  SearchSession,
} from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import { beforeAll, describe, expect, it } from 'vitest';
import { REWARD_MODEL } from '../reward-model/reward-model.ts';
import { NasBench201Task } from './held-out-gain.ts';
import { InnerValidation } from './inner-validation.ts';
import { benchmarkNasBench201, type NasBench201Report } from './nasbench201-benchmark.ts';
import { scoreMethod, type MethodScore } from './scores.ts';
import { greedyCodes, sampledCodes } from './tabular-search.ts';

/** A third of the steps that the preset is for: enough to see that it learns. */
const STEPS = 150;
const BATCH = 384;
const dataDirectory = process.env['NAT_DATA_DIR'];
const method = (report: NasBench201Report, name: string): MethodScore => report.methods.find((one) => one.name === name)!;

describe('scores', () => {
  it('are the part of what can be gained that was gained, by band of the source', () => {
    const values = { source: [40, 84, 91], best: [80, 88, 91.5] };
    const { overall, bands, changeAbove90 } = scoreMethod(values, [60, 88, 91.25], { name: 'half', evaluations: 1, certificateViolations: 0 });
    expect(overall).toMatchObject({ cells: 3, gain: expect.closeTo(24.25 / 44.5, 10) as unknown });
    expect(bands.map(({ low, cells, gain }) => [low, cells, gain])).toEqual([[0, 1, 0.5], [80, 1, 1], [90, 1, 0.5]]); // prettier-ignore
    expect(changeAbove90).toBe(0.25);
  });

  it('gain nothing where nothing can be gained', () => {
    expect(scoreMethod({ source: [90], best: [90] }, [90], { name: 'keep', evaluations: 0, certificateViolations: 0 }).overall.gain).toBe(0);
  });
});

describe('a task on a table by formula', () => {
  const task = new NasBench201Task(formulaTable());
  const policy = new PolicyInference(createCheckpoint(EDGE_POLICY, RandomStream.of(1)));

  it('lets held-out cells become more under nat++, all of it in the table', () => {
    const cells = task.heldOutUnder({ scheme: 'nat++', mode: 'cost-masked' });
    expect(task.attainable(cells)).toBeGreaterThanOrEqual(task.attainable(task.heldOut));
    expect(cells.flatMap(({ targets }) => targets).some((digits, i) => digits.length > task.heldOut.flatMap(({ targets }) => targets)[i]!.length)).toBe(true);
    const codes = greedyCodes(policy, cells);
    expect(task.gainOf(codes).dearer).toBe(0);
    expect(Number.isFinite(task.meanScore(codes))).toBe(true);
  });

  it('is worth more the more samples are looked up, and counts the distinct ones', () => {
    const [one, five, likely] = ([1, 5, 5] as const).map((draws, i) => sampledCodes(task, policy, { draws, seed: 1, by: i < 2 ? 'reward' : 'likelihood' }));
    expect([one!.lookUps, likely!.lookUps]).toEqual([0, 0]);
    expect(five!.lookUps).toBeGreaterThan(task.heldOut.length);
    expect(five!.lookUps).toBeLessThanOrEqual(5 * task.heldOut.length);
    expect(task.meanScore(five!.codes)).toBeGreaterThan(task.meanScore(one!.codes));
    five!.codes.forEach((code, i) => expect(task.rewards.value[code]!).toBeGreaterThanOrEqual(task.rewards.value[one!.codes[i]!]!)); // prettier-ignore
  });

  it('validates reward models on training cells: a good one gains, and the order of models does not matter', () => {
    const validation = new InnerValidation(task);
    const options = { evaluations: 200, seed: 3 };
    const first = validation.gainOf(REWARD_MODEL, options);
    // Far more than without a model that was fitted on enough, which is all that this table can tell.
    expect(first).toBeGreaterThan(0.75);
    expect(validation.gainOf(REWARD_MODEL, { ...options, evaluations: 2 })).toBeLessThan(first);
    expect(validation.gainOf(REWARD_MODEL, options)).toBe(first);
    expect(validation.size + task.heldOut.length).toBeLessThan(task.table.size);
  });
});

describe('the benchmark on a table by formula', () => {
  let report: NasBench201Report;

  beforeAll(() => {
    const policy = new PolicyInference(createCheckpoint(EDGE_POLICY, RandomStream.of(1)));
    report = benchmarkNasBench201({ table: formulaTable(), policy, actionTable: { steps: 60, batch: 64 }, evolutionEvaluations: 40 });
  });

  it('finds no result that costs more, whatever the method', () => {
    expect(report.heldOutCells).toBe(1563);
    for (const { certificateViolations } of report.methods) expect(certificateViolations).toBe(0);
  });

  it('ranks the methods as the formula makes them', () => {
    expect(method(report, 'keep-all').overall.gain).toBe(0);
    expect(method(report, 'best-of-10-random').overall.gain).toBeGreaterThan(method(report, 'uniform-random').overall.gain);
    expect(method(report, 'regularized-evolution').overall.gain).toBeGreaterThan(method(report, 'best-of-10-random').overall.gain);
    // Edges are worth what they are, wherever they stand: no context is needed.
    expect(method(report, 'action-table').overall.gain).toBeGreaterThan(0.99);
  });

  it('wants a column that is there', () => {
    const policy = new PolicyInference(createCheckpoint(EDGE_POLICY, RandomStream.of(1)));
    expect(() => benchmarkNasBench201({ table: formulaTable(), policy, column: 'test' })).toThrow(expect.objectContaining({ reason: 'UNKNOWN_COLUMN' }));
  });
});

describe.skipIf(dataDirectory === undefined)('a short search on NAS-Bench-201 (needs NAT_DATA_DIR)', () => {
  it('beats a table without context learned from as much, on cells it has never seen', { timeout: 300_000 }, async () => {
    const table = loadNasBench201(dataDirectory);
    const values = columnOf(table, 'c10_valid_200');
    const valueOf = (cell: string): number => values[table.rowOf.get(cell)!]!;
    const hyperparameters = searchHyperparameters({ preset: 'tabular', steps: STEPS, baseline: 'self-critical', entropyWeight: 0.1 });
    const session = new SearchSession(
      { space: 'nasbench201', scheme: 'nat', mode: 'cost-masked', placement: {}, config: EDGE_POLICY, seed: 0, batch: BATCH, hyperparameters, threads: 1 },
      { loadTable: () => table },
    );
    for (let step = 1; step <= STEPS; step++) {
      const trials = session.sample(step);
      const candidates = candidatesOfRound(trials);
      const outcomes = candidates.texts.map((text) => ({ value: valueOf(text) }));
      await session.learn(collateRound(trials, candidates, outcomes).counted);
    }
    const policy = new PolicyInference(parseCheckpoint(session.serialize()));
    const report = benchmarkNasBench201({ table, policy, policyEvaluations: STEPS * BATCH, actionTable: { steps: STEPS, batch: BATCH } });
    expect(method(report, 'policy').certificateViolations).toBe(0);
    expect(method(report, 'policy').overall.gain).toBeGreaterThan(0.94);
    expect(method(report, 'policy').overall.gain).toBeGreaterThan(method(report, 'action-table').overall.gain);
  });
});

/** All cells, worth the sum of their operations: a skip most, a null least. Convolutions cost. */
function formulaTable(): NasBench201Table {
  const worth: Readonly<Record<string, number>> = { none: 0, skip_connect: 10, nor_conv_1x1: 6, nor_conv_3x3: 9, avg_pool_3x3: 3 };
  const cost: Readonly<Record<string, number>> = { none: 0, skip_connect: 0, nor_conv_1x1: 1, nor_conv_3x3: 9, avg_pool_3x3: 0 };
  let cells: string[][] = [[]];
  for (let edge = 0; edge < 6; edge++) cells = cells.flatMap((cell) => NASBENCH201_OPERATIONS.map(({ benchmark }) => [...cell, benchmark]));
  const rows = cells.map((names, i) => {
    const [a, b, c, d, e, f] = names;
    const value = names.reduce((sum, name) => sum + worth[name]!, 0);
    const params = names.reduce((sum, name) => sum + cost[name]!, 1);
    return `${i},|${a}~0|+|${b}~0|${c}~1|+|${d}~0|${e}~1|${f}~2|,${i},${params},${params},50,${value},50,50`;
  });
  return parseNasBench201(['index,arch,iso_class,params,flops,c10_valid_12,c10_valid_200,c100_valid_12,in16_valid_12', ...rows].join('\n'), 'formula');
}
