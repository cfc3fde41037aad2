/** Training children from the command line: early stopping, weights in a file, successive halving. */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { architectureCost, zooArchitecture } from '@nat/cells';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NatCommand, succeeded } from './testing/nat.ts';
import { PATIENCE_MS, until } from './testing/processes.ts';

const SMALL = ['--channels', '2', '--layers', '3', '--batch', '8', '--train-images', '32', '--validation-images', '64', '--threads', '1'];

interface Child {
  readonly validationAccuracy: number;
  readonly testAccuracy: number;
  readonly params: number;
  readonly macs: number;
}

interface Selection {
  readonly rungs: readonly {
    readonly epochs: number;
    readonly candidates: readonly { readonly candidate: string; readonly validationAccuracy: number; readonly kept: boolean }[];
  }[];
  readonly winner: Child & { readonly candidate: string };
}

describe('children', { timeout: PATIENCE_MS }, () => {
  let nat: NatCommand;
  beforeAll(async () => {
    nat = await NatCommand.create();
    await nat.up();
  }, PATIENCE_MS);
  afterAll(() => nat.close());

  const json = async <T>(args: readonly string[]): Promise<T> => JSON.parse(succeeded(await nat.run([...args, ...SMALL, '--json']))) as T;
  const file = (name: string): string => join(nat.home, name);

  it('climb the rungs, and the winner is what it would be alone', async () => {
    const candidates = ['DARTS', 'NAT_DARTS', 'ENAS', 'NAT_ENAS'];
    const halving = ['--epochs', '4', '--reduction', '2', '--recipe', 'official', '--seed', '3'];
    const { rungs, winner } = await json<Selection>(['select', ...candidates, ...halving, '--save', file('winner.safetensors')]);
    expect(rungs.map(({ epochs, candidates: of }) => [epochs, of.length])).toEqual([
      [1, 4],
      [2, 2],
      [4, 1],
    ]);
    for (const [i, { candidates: of }] of rungs.entries()) {
      const kept = of.filter((one) => one.kept);
      const lost = of.filter((one) => !one.kept);
      expect(kept.map(({ candidate }) => candidate)).toEqual((rungs[i + 1]?.candidates ?? [winner]).map(({ candidate }) => candidate));
      const worst = Math.min(...kept.map(({ validationAccuracy }) => validationAccuracy));
      for (const { validationAccuracy } of lost) expect(validationAccuracy).toBeLessThanOrEqual(worst);
    }

    const alone = await json<Child>([
      'evaluate',
      winner.candidate,
      '--epochs',
      '4',
      '--recipe',
      'official',
      '--seed',
      '3',
      '--save',
      file('alone.safetensors'),
    ]);
    expect(winner).toMatchObject({ validationAccuracy: alone.validationAccuracy, testAccuracy: alone.testAccuracy, params: alone.params, macs: alone.macs });
    const bytes = readFileSync(file('winner.safetensors'));
    expect(bytes.equals(readFileSync(file('alone.safetensors')))).toBe(true);
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString()) as Record<string, { readonly shape?: readonly number[] }>;
    expect(header['__metadata__']).toMatchObject({ format: 'pt' });
    expect(header['classifier.weight']?.shape?.[0]).toBe(10);
    const counted = Object.entries(header).filter(([name]) => !/^auxiliary_head\.|running_(mean|var)$|^__/.test(name));
    const numbers = counted.map(([, { shape = [] }]) => shape.reduce((product, size) => product * size, 1)).reduce((a, b) => a + b, 0);
    expect(numbers).toBe(architectureCost(zooArchitecture(winner.candidate), { network: 'evaluation', channels: 2, layers: 3 }).params);
  });

  it('go on after an interruption, to the same numbers', async () => {
    const training = ['evaluate', 'NAT_DARTS', ...SMALL, '--epochs', '30', '--recipe', 'official', '--auxiliary', '0', '--json', '--id', 'mine'];
    const alone = { ...nat.environment(), NAT_HOME: nat.freshHome('interrupted'), NAT_WORKER_CHECKPOINT_MS: '0' };
    // Its platform ends with it.
    const first = nat.start(training, { env: alone });
    await first.logLine((line) => line === 'evaluation mine');
    const blobs = async () => (await readdir(join(alone.NAT_HOME, 'blobs'), { recursive: true })).filter((name) => /[0-9a-f]{64}$/.test(name));
    await until('there is a checkpoint', async () => (await blobs()).length > 0);
    first.interrupt();
    expect(await first.ended).toEqual({ code: 130, signal: null, stdout: '', stderr: expect.stringMatching(/the same --id, goes on with it/) as string });
    const second = JSON.parse(succeeded(await nat.run(training, { env: alone }))) as Child;

    const undisturbed = succeeded(await nat.run(training));
    const { validationAccuracy, testAccuracy } = JSON.parse(undisturbed) as Child;
    expect(second).toMatchObject({ validationAccuracy, testAccuracy });
    // Known already: nothing is trained, and nothing else is called by its name.
    expect(succeeded(await nat.run(training))).toBe(undisturbed);
    expect(await nat.run([...training, '--seed', '9'])).toMatchObject({ code: 2, stdout: '' });
  });

  it('end when they no longer get better', async () => {
    const { epochs, judgedEpoch } = await json<{ readonly epochs: number; readonly judgedEpoch: number }>([
      'evaluate',
      'DARTS',
      '--epochs',
      '40',
      '--patience',
      '2',
    ]);
    expect(epochs).toBe(judgedEpoch + 2);
  });

  it.each<[string, readonly string[], number, RegExp]>([
    ['a candidate that is none', ['select', 'DARTS', 'nobody'], 2, /nobody/],
    ['more rungs than there can be', ['select', 'DARTS', 'ENAS', '--rungs', '5'], 2, /2 candidates and 9 epochs at a reduction of 3 allow 1, not 5/],
    ['a file that cannot be written', ['evaluate', 'DARTS', '--save', '/nowhere/at/all'], 1, /\/nowhere\/at is no folder/],
    ['an auxiliary head that there is not', ['evaluate', 'resnet20', '--auxiliary', '0.4', '--steps', '1'], 1, /the network has no auxiliary head/],
    ['a recipe that there is not', ['evaluate', 'DARTS', '--recipe', 'long'], 2, /short, official/],
  ])('refuses %s', async (_, args, exitCode, message) => {
    const { code, stdout, stderr } = await nat.run(args);
    expect({ code, stdout }).toEqual({ code: exitCode, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('leave no file behind that is not whole', () => {
    expect(existsSync(file('winner.safetensors.part'))).toBe(false);
  });
});
