/** `npm run faults`, `soak` and `scale` take long and are run by hand: here they only load, in Node as it is, and refuse what cannot be meant before they start anything. */
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ROOT } from './testing/nat.ts';
import { PATIENCE_MS, Processes } from './testing/processes.ts';

describe('heavy runs', { timeout: PATIENCE_MS }, () => {
  const processes = new Processes();
  afterAll(() => processes.close());

  it.each([
    ['faults', ['--only', 'no such fault'], 'nat: --only no such fault is in no row of docs/reliability.md\n'],
    ['soak', ['--minutes', '0'], 'nat: --minutes and --every are numbers above 0\n'],
    ['scale', ['--evaluations', '0'], 'nat: --evaluations is a whole number from 1000\n'],
  ])('%s loads, and refuses what cannot be meant', async (program, args, message) => {
    const ended = await processes.start(process.execPath, [join(ROOT, 'apps', 'e2e', 'src', program, 'main.ts'), ...args], { cwd: ROOT }).ended;
    expect(ended).toMatchObject({ code: 2, stderr: message });
  });
});
