import { readArchitecture } from '@nat/cells';
import { EDGE_POLICY } from '../policy/policy-config.ts';
import { parseCheckpoint } from '../policy/checkpoint.ts';
import { describe, expect, it } from 'vitest';
import { searchHyperparameters } from './hyperparameters.ts';
import { candidatesOfRound, collateRound } from './round.ts';
import { freshStart, SearchSession, type SessionSpec } from './session.ts';

const spec: SessionSpec = {
  space: 'darts',
  scheme: 'nat',
  mode: 'cost-masked',
  placement: { channels: 8, layers: 3 },
  config: { ...EDGE_POLICY, hidden: 16 },
  seed: 3,
  batch: 24,
  hyperparameters: searchHyperparameters({ preset: 'tabular', steps: 60, baseline: 'self-critical', learningRate: 1e-2 }),
  threads: 1,
};
const loadTable = (): never => {
  throw new Error('no table is needed');
};
const open = (checkpoint?: Uint8Array): SearchSession => new SearchSession(spec, { loadTable, ...(checkpoint === undefined ? {} : { checkpoint }) });

/** A reward that wants separable convolutions kept and everything else nulled. */
function valueOf(text: string): number {
  const operations = readArchitecture(text).cells.flatMap(({ edges }) => edges.map(({ operation }) => operation.name));
  return operations.reduce((sum, name) => sum + (name.startsWith('sep_conv') ? 2 : name === 'null' ? 1 : 0), 0);
}

/** One step; gives the mean reward of its trials. */
async function step(session: SearchSession, number: number): Promise<number> {
  const trials = session.sample(number);
  const candidates = candidatesOfRound(trials);
  const outcomes = candidates.texts.map((text) => ({ value: valueOf(text) }));
  const { meanReward } = await session.learn(collateRound(trials, candidates, outcomes).counted);
  return meanReward;
}

describe('SearchSession', () => {
  it('learns what is rewarded', async () => {
    const session = open();
    const rewards: number[] = [];
    for (let number = 1; number <= 60; number++) rewards.push(await step(session, number));
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(rewards.slice(-5))).toBeGreaterThan(mean(rewards.slice(0, 5)) + 4);
    expect(session.updates).toBe(60);
  });

  it('goes on from its bytes as if it had never stopped', async () => {
    const whole = open();
    for (let number = 1; number <= 4; number++) await step(whole, number);
    let parted = open();
    for (let number = 1; number <= 4; number++) {
      parted = open(number === 1 ? undefined : parted.serialize());
      await step(parted, number);
    }
    expect(Buffer.compare(parted.serialize(), whole.serialize())).toBe(0);
  });

  it('starts afresh from a learned policy: its parameters, none of its momentum', async () => {
    const session = open();
    await step(session, 1);
    const learned = parseCheckpoint(session.serialize());
    const fresh = parseCheckpoint(freshStart(session.serialize()));
    expect(fresh.step).toBe(0);
    expect([...fresh.parameters]).toEqual([...learned.parameters]);
    expect([...fresh.moments.values()].every(({ first, second }) => [...first, ...second].every((value) => value === 0))).toBe(true);
  });
});
