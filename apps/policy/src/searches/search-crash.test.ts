import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { search as wire } from '@nat/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CrashArguments, CrashPoint } from './testing/crash-process.ts';
import { writeTinyTable } from './testing/tiny-table.ts';

const ENTRY = fileURLToPath(new URL('./testing/crash-process.ts', import.meta.url));
const run = promisify(execFile);
const spec = { space: 'nasbench201', evaluator: 'tabular', steps: 7, batch: 12, seed: 3 };

describe('a search whose process is killed', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nat-crash-'));
    await writeTinyTable(folder);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const search = async (home: string, crash?: CrashArguments['crash']): Promise<wire.Search | 'killed'> => {
    const args: CrashArguments = { home: join(folder, home), dataDirectory: folder, spec, searchId: 'same', ...(crash === undefined ? {} : { crash }) };
    try {
      const { stdout } = await run(process.execPath, [ENTRY, JSON.stringify(args)], { timeout: 120_000 });
      return JSON.parse(stdout) as wire.Search;
    } catch (error) {
      if ((error as { signal?: string }).signal === 'SIGKILL') return 'killed';
      throw error;
    }
  };

  it('learns the same policy, to the bit, and counts every pair once, wherever it is killed', { timeout: 300_000 }, async () => {
    const undisturbed = await search('undisturbed');
    expect(undisturbed).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 7, pairs: 84, failedPairs: 0 });

    // One kill after the other, in the same data directory.
    const points: readonly CrashPoint[] = ['before-submit', 'after-submit', 'before-learn', 'after-learn', 'before-commit', 'before-draw'];
    for (const [i, point] of points.entries()) expect({ point, end: await search('killed', { point, step: i + 1 }) }).toEqual({ point, end: 'killed' });
    const resumed = await search('killed');

    expect(resumed).toMatchObject({ state: 'SEARCH_STATE_SUCCEEDED', step: 7, pairs: 84, failedPairs: 0 });
    expect((resumed as wire.Search).policySha256).toMatch(/^[0-9a-f]{64}$/);
    expect((resumed as wire.Search).policySha256).toBe((undisturbed as wire.Search).policySha256);
  });
});
