import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@nat/tensor';
import { createCheckpoint, serializeCheckpoint } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowsOf, type RowContext } from '../../result-table.ts';
import { publishPolicies } from './card.ts';
import { policies } from './policies.ts';
import { CONFIG, policyId, SCHEMES, SPACES, UPDATES } from './spaces.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nat-bundled-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** A run whose children and learning are done: a child's accuracy comes from its identity. */
function finished(checkpoint: Uint8Array): RowContext {
  const curve = { reward: Array.from({ length: UPDATES }, (_, i) => i / UPDATES), entropy: Array.from({ length: UPDATES }, () => 1) };
  return {
    dataDirectory: undefined,
    threads: 1,
    note: () => undefined,
    artifact: (name) => {
      if (name.endsWith('.safetensors')) return Promise.resolve(checkpoint);
      if (name.endsWith('.curve.json')) return Promise.resolve(Buffer.from(JSON.stringify(curve)));
      const accuracy = 0.3 + 0.1 * RandomStream.of('child', name).uniform();
      return Promise.resolve(Buffer.from(JSON.stringify({ validation: accuracy, test: accuracy })));
    },
  };
}

const checkpoint = serializeCheckpoint(createCheckpoint(CONFIG, RandomStream.of(7)));

describe('the table of policies', () => {
  it('computes the measures that it declares', async () => {
    const [row] = rowsOf(policies);
    const values = await row!.compute(0, finished(checkpoint));
    expect(Object.keys(values).toSorted()).toEqual(Object.keys(policies.measures).toSorted());
    const { kept, removed, skipped, exchanged, children } = values;
    expect(kept! + removed! + skipped! + exchanged!).toBeCloseTo(1, 12);
    expect(children).toBe(32);
  });

  it('publishes checkpoints with cards, which keep their time while the checkpoint stays', async () => {
    const which = [{ space: SPACES[0]!, scheme: SCHEMES[1]! }];
    const id = policyId(SPACES[0]!, SCHEMES[1]!);
    expect(id).toBe('natv2-block');
    await publishPolicies(which, finished(checkpoint), directory);
    const read = async (): Promise<Record<string, unknown>> => JSON.parse(await readFile(join(directory, `${id}.json`), 'utf8')) as Record<string, unknown>;
    const card = await read();
    expect(Buffer.compare(await readFile(join(directory, `${id}.safetensors`)), checkpoint)).toBe(0);
    expect(card).toMatchObject({ scheme: 'nat++', sha256: sha256(checkpoint), command: 'nat reproduce policies --seed 0 --publish' });
    expect(card).toMatchObject({ curve: { everySteps: 10 }, heldOut: { sources: 6 }, rewardModel: { heldBackPairs: 48 } });
    await publishPolicies(which, finished(checkpoint), directory);
    expect(await read()).toEqual(card);
    const other = serializeCheckpoint(createCheckpoint(CONFIG, RandomStream.of(8)));
    await publishPolicies(which, finished(other), directory);
    expect((await read())['sha256']).toBe(sha256(other));
  });

  it('has an id for every policy', () => {
    const ids = SPACES.flatMap((space) => SCHEMES.map((scheme) => policyId(space, scheme)));
    expect(ids).toEqual(['nat-block', 'natv2-block', 'nat-fully-concat', 'natv2-fully-concat', 'nat-loose-end', 'natv2-loose-end']);
  });
});
