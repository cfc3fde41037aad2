import { loadNasBench201 } from '@nat/datasets';
import { EDGE_POLICY, parseCheckpoint, PolicyInference, searchHyperparameters, searchInProcess, SearchSession, type SessionSpec } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import { describe, expect, it } from 'vitest';
import { codeOfText } from './cell-results.ts';
import { NasBench201Task } from './held-out-gain.ts';
import { sampledCodes, searchTabular } from './tabular-search.ts';

const STEPS = 60;
const BATCH = 256;
const dataDirectory = process.env['NAT_DATA_DIR'];

/** A search whose rounds end in an order drawn from a seed: any of those in flight may be next. */
async function searchOutOfOrder(task: NasBench201Task, spec: SessionSpec, roundsInFlight: number): Promise<{ gain: number; staleness: number }> {
  const session = new SearchSession({ ...spec, roundsInFlight }, { loadTable: () => task.table });
  const stream = RandomStream.of(spec.seed, 'order');
  const valueOf = (cell: string): number => task.rewards.value[codeOfText(cell)]!;
  const waiting: (() => void)[] = [];
  let learned = 0;
  let staleness = 0;
  await searchInProcess({
    session,
    steps: STEPS,
    roundsInFlight,
    evaluate: async ({ candidates }) => {
      const ended = Promise.withResolvers<undefined>();
      waiting.push(() => {
        ended.resolve(undefined);
      });
      if (waiting.length === Math.min(roundsInFlight, STEPS - learned)) waiting.splice(stream.integer(waiting.length), 1)[0]!();
      await ended.promise;
      return candidates.texts.map((text) => ({ value: valueOf(text) }));
    },
    onStep: (step) => {
      learned = step.step;
      staleness += step.staleness;
      // Nothing is sampled any more: the last rounds end one after the other.
      if (learned > STEPS - roundsInFlight) waiting.splice(stream.integer(Math.max(1, waiting.length)), 1)[0]?.();
    },
  });
  return { gain: gainOf(task, session.serialize()), staleness: staleness / STEPS };
}

/** Part of what held-out cells can gain that one transform of each, drawn from the policy, gains: greedy ones jump with single decisions this early. */
function gainOf(task: NasBench201Task, checkpoint: Uint8Array): number {
  const policy = new PolicyInference(parseCheckpoint(checkpoint));
  return task.gainOf(sampledCodes(task, policy, { draws: 1, seed: 0, by: 'likelihood' }).codes).gain;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe.skipIf(dataDirectory === undefined)('asynchronous learning on NAS-Bench-201 (needs NAT_DATA_DIR)', () => {
  it(`gains as much as synchronous learning, within 5 points, with four rounds in flight and ${STEPS} steps`, { timeout: 300_000 }, async () => {
    const task = new NasBench201Task(loadNasBench201(dataDirectory));
    const synchronous: number[] = [];
    const asynchronous: number[] = [];
    for (const seed of [0, 1]) {
      const spec: SessionSpec = {
        space: 'nasbench201',
        scheme: 'nat',
        mode: 'cost-masked',
        placement: {},
        config: EDGE_POLICY,
        seed,
        batch: BATCH,
        hyperparameters: searchHyperparameters({ preset: 'tabular', steps: STEPS, baseline: 'self-critical' }),
        threads: 1,
      };
      synchronous.push(gainOf(task, (await searchTabular({ task, spec, steps: STEPS })).checkpoint));
      const { gain, staleness } = await searchOutOfOrder(task, spec, 4);
      expect(staleness).toBeGreaterThan(2);
      asynchronous.push(gain);
    }
    // Drawn uniformly, transforms gain 0.36.
    expect(mean(synchronous)).toBeGreaterThan(0.7);
    expect(mean(asynchronous)).toBeGreaterThan(mean(synchronous) - 0.05);
  });
});
