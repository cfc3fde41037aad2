import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Failpoint } from './index.ts';

let folder: string;
let failpoint: (name: Failpoint) => Promise<void>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nat-failpoints-'));
  vi.stubEnv('NAT_FAILPOINTS', folder); // read when the module is loaded
  ({ failpoint } = await import('./index.ts'));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

it('passes where nothing stands', async () => {
  await failpoint('policy.drawn');
  expect(existsSync(join(folder, 'policy.drawn.reached'))).toBe(false);
});

it('holds the first that comes by until the file is gone, and says who it is', async () => {
  const file = join(folder, 'policy.learned');
  writeFileSync(file, '');
  let passed = false;
  const held = failpoint('policy.learned').then(() => {
    passed = true;
  });
  await failpoint('policy.learned'); // a second one is not held
  await vi.waitFor(() => {
    expect(existsSync(`${file}.reached`)).toBe(true);
  });
  expect(passed).toBe(false);
  expect(readFileSync(`${file}.reached`, 'utf8')).toBe(String(process.pid));
  rmSync(file);
  await held;
  expect(passed).toBe(true);
});
