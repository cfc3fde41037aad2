/** `npm run cluster` as it is documented: a search there, with processes killed under it, learns the policy of the embedded platform. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../tools/infra/daemon.mjs';
import { jsonLines, NatCommand, ROOT, succeeded } from './testing/nat.ts';
import { PATIENCE_MS, type RunningProcess } from './testing/processes.ts';

const missing = ['NAT_TEST_KAFKA', 'NAT_TEST_POSTGRES', 'NAT_DATA_DIR'].filter((name) => process.env[name] === undefined);
const SEARCH = 'search --space nasbench201 --evaluator tabular --reward c10_valid_200 --steps 12 --batch 64 --seed 5 --json'.split(' ');

describe.skipIf(missing.length > 0)(
  `npm run cluster${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not set)` : ''}`,
  { timeout: 3 * PATIENCE_MS },
  () => {
    let nat: NatCommand;
    let cluster: RunningProcess;
    let port: number;
    let folder: string;
    beforeAll(async () => {
      nat = await NatCommand.create();
      port = await freePort();
      folder = await mkdtemp(join(tmpdir(), 'nat-cluster-'));
      await chmod(folder, 0o755); // PostgreSQL may run as another user
      const args = ['--port', String(port), '--dir', folder, '--workers', '1'];
      cluster = nat.processes.start(process.execPath, [join(ROOT, 'tools', 'bin', 'cluster.mjs'), ...args], { cwd: ROOT });
      await cluster.line((line) => line.startsWith('ready in'));
    }, 2 * PATIENCE_MS);
    afterAll(async () => {
      await nat.close();
      await rm(folder, { recursive: true, force: true });
    });

    const pidOf = (name: string): number => Number(new RegExp(`^${name} .*process (\\d+)$`, 'm').exec(cluster.stdout())?.[1]);

    it('learns the policy of the embedded platform, whatever is killed', async () => {
      const search = nat.start([...SEARCH, '--server', `127.0.0.1:${port}`]);
      await search.line();
      for (const name of ['evaluator-1', 'policy-1', 'policy-2', 'gateway']) process.kill(pidOf(name), 'SIGKILL');
      const [, there] = jsonLines(succeeded(await search.ended)) as { readonly policySha256: string; readonly rewards: number }[];
      const [, here] = jsonLines(succeeded(await nat.run(SEARCH))) as (typeof there)[];
      expect(there).toMatchObject({ policySha256: here!.policySha256, rewards: 12 * 64 });
    });

    it('ends in order', async () => {
      cluster.kill('SIGTERM');
      const { code, signal, stderr } = await cluster.ended;
      expect({ code, signal }, stderr).toEqual({ code: 0, signal: null });
    });
  },
);
