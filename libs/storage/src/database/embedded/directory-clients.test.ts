import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { killChild, printed, startChild } from '../../testing/child-process.ts';
import { until } from '../../testing/until.ts';
import { countClients, registerClient } from './directory-clients.ts';

describe('clients of a directory', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nat-clients-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('are counted while they stay', async () => {
    expect(await countClients(directory)).toBe(0);
    const clients = [startChild('./client-child.ts', directory), startChild('./client-child.ts', directory)];
    await Promise.all(clients.map((client) => printed(client, 'registered')));
    expect(await countClients(directory)).toBe(2);
    clients[0]!.kill('SIGTERM');
    await clients[0]!.ended;
    expect(await countClients(directory)).toBe(1);
    // However it ends.
    await killChild(clients[1]!);
    await until(async () => (await countClients(directory)) === 0);
    expect(await readdir(join(directory, 'clients'))).toEqual([]);
  });

  it('leave nothing behind', async () => {
    const client = await registerClient(directory);
    await client.end();
    expect(await readdir(join(directory, 'clients'))).toEqual([]);
  });
});
