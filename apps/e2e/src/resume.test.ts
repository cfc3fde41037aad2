/** kill -9 of the embedded platform in the middle of a search: what is learned after `--resume` is the same to the bit. */
import { createChannelTo, openClients } from '@nat/service';
import { readLockHolder } from '@nat/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonLines, NatCommand, succeeded } from './testing/nat.ts';
import { PATIENCE_MS, processesWith, until, type RunningProcess } from './testing/processes.ts';

const dataDirectory = process.env['NAT_DATA_DIR'];
const STEPS = 24;
const BATCH = 64;
const SEARCH = ['search', '--space', 'nasbench201', '--evaluator', 'tabular', '--reward', 'c10_valid_200'];
const SIZE = ['--steps', String(STEPS), '--batch', String(BATCH), '--seed', '3', '--json'];

interface SearchJson {
  readonly searchId: string;
  readonly policyId?: string;
  readonly policySha256?: string;
  readonly candidates?: number;
  readonly failedCandidates?: number;
  readonly steps?: number;
}

describe.skipIf(dataDirectory === undefined)('a search that is killed (needs NAT_DATA_DIR with nasbench201.csv)', { timeout: 3 * PATIENCE_MS }, () => {
  let nat: NatCommand;
  beforeAll(async () => {
    nat = await NatCommand.create();
  });
  afterAll(() => nat.close());

  /** Kills the process alone, once the search has learned so many steps, and waits until everything that it had started has ended by itself. */
  async function killAfter(steps: number, home: string, command: RunningProcess): Promise<number> {
    const { searchId } = JSON.parse(await command.line()) as SearchJson;
    const holder = await readLockHolder(home);
    const channel = createChannelTo(holder!.address!);
    let step = 0;
    try {
      const { searches } = openClients(channel);
      await until(`${steps} steps are learned`, async () => {
        ({ step } = await searches.getSearch({ name: `namespaces/default/searches/${searchId}` }));
        return step >= steps;
      });
      command.kill('SIGKILL');
    } finally {
      channel.close();
    }
    expect((await command.ended).signal).toBe('SIGKILL');
    await until('nothing of the platform runs any more', () => processesWith('NAT_HOME', home).length === 0);
    return step;
  }

  it('ends with the policy of an undisturbed one', async () => {
    const undisturbed = jsonLines(succeeded(await nat.run([...SEARCH, ...SIZE], { env: { NAT_HOME: nat.freshHome('undisturbed') } }))) as SearchJson[];
    expect(undisturbed).toHaveLength(2);
    const { policySha256, candidates } = undisturbed[1]!;
    expect(policySha256).toMatch(/^[0-9a-f]{64}$/);

    const home = nat.freshHome('killed');
    const env = { NAT_HOME: home };
    const first = nat.start([...SEARCH, ...SIZE], { env });
    const { searchId } = JSON.parse(await first.line()) as SearchJson;
    expect(await killAfter(5, home, first)).toBeLessThan(STEPS);
    // The one that goes on is killed too.
    const second = nat.start(['search', '--resume', searchId, '--json'], { env });
    expect(await killAfter(12, home, second)).toBeLessThan(STEPS);

    const lines = jsonLines(succeeded(await nat.run(['search', '--resume', searchId, '--json'], { env }))) as SearchJson[];
    expect(lines).toEqual([
      { searchId },
      { searchId, policyId: searchId, policySha256, candidates, failedCandidates: 0, steps: STEPS, rounds: STEPS, rewards: STEPS * BATCH },
    ]);
    // One that has ended is told as it ended.
    const again = jsonLines(succeeded(await nat.run(['search', '--resume', searchId, '--json'], { env }))) as SearchJson[];
    expect(again).toEqual(lines);
    await until('nothing of the platform runs any more', () => processesWith('NAT_HOME', home).length === 0);
  });
});
