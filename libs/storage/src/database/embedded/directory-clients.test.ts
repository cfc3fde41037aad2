import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { killChild, printed, startChild } from '../../testing/child-process.ts';
import { until } from '../../testing/until.ts';
import { countVisitors, visitDirectory } from './directory-clients.ts';

describe('visitors of a directory', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nat-visitors-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('are counted while they stay', async () => {
    expect(await countVisitors(directory)).toBe(0);
    const visitors = [startChild('./visit-child.ts', directory), startChild('./visit-child.ts', directory)];
    await Promise.all(visitors.map((visitor) => printed(visitor, 'visiting')));
    expect(await countVisitors(directory)).toBe(2);
    visitors[0]!.kill('SIGTERM');
    await visitors[0]!.ended;
    expect(await countVisitors(directory)).toBe(1);
    // However it ends.
    await killChild(visitors[1]!);
    await until(async () => (await countVisitors(directory)) === 0);
    expect(await readdir(join(directory, 'visitors'))).toEqual([]);
  });

  it('leave nothing behind', async () => {
    const visit = await visitDirectory(directory);
    await visit.end();
    expect(await readdir(join(directory, 'visitors'))).toEqual([]);
  });
});
