/** `main.ts --migrate` and NAT_MIGRATE=check of every service, as a deployment uses them: migrations run before, services only look. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './testing/nat.ts';
import { onTestPostgres } from './testing/postgres.ts';
import { PATIENCE_MS, Processes, type Ended } from './testing/processes.ts';

const broker = process.env['NAT_TEST_KAFKA'];
const postgres = process.env['NAT_TEST_POSTGRES'];
const missing = Object.entries({ NAT_TEST_KAFKA: broker, NAT_TEST_POSTGRES: postgres })
  .filter(([, value]) => value === undefined)
  .map(([name]) => name);
const SERVICES = ['registry', 'metrics', 'evaluator', 'policy'];

describe.skipIf(missing.length > 0)(
  `migrations of the services${missing.length > 0 ? ` (skipped: ${missing.join(', ')} not set)` : ''}`,
  { timeout: PATIENCE_MS },
  () => {
    const run = randomUUID().slice(0, 8);
    const database = `nat_migrations_${run}`;
    const processes = new Processes();
    const url = new URL(postgres ?? 'postgres://none');
    url.pathname = `/${database}`;
    const env = { NAT_DATABASE_URL: url.href, NAT_KAFKA_BROKERS: broker, NAT_KAFKA_PREFIX: `migrations-${run}.`, NAT_PORT: '0', NAT_LOG_LEVEL: 'info' };
    const start = (service: string, more: Readonly<Record<string, string>>, ...args: readonly string[]) =>
      processes.start(process.execPath, [join(ROOT, 'apps', service, 'src', 'main.ts'), ...args], { cwd: ROOT, env: { ...env, ...more } });
    const migrateAll = async (): Promise<readonly string[]> => {
      const done: string[] = [];
      for (const service of SERVICES) {
        const ended: Ended = await start(service, {}, '--migrate').ended;
        expect(ended).toMatchObject({ code: 0, signal: null });
        const line = ended.stderr.split('\n').find((text) => text.includes('"migrated"')) ?? '{}';
        done.push(...(JSON.parse(line) as { readonly done: readonly string[] }).done);
      }
      return done;
    };

    beforeAll(() => onTestPostgres(`CREATE DATABASE ${database}`));
    afterAll(async () => {
      await processes.close();
      await onTestPostgres(`DROP DATABASE ${database} WITH (FORCE)`);
    });

    it('run before the services, which refuse to start without them and then change nothing', async () => {
      const early = await start('registry', { NAT_MIGRATE: 'check' }).ended;
      expect(early.code).not.toBe(0);
      expect(early.stderr).toContain('the database of registry lacks 0001-architectures, 0002-answers: run the migrations first (--migrate)');

      const done = await migrateAll();
      expect(done).toEqual(expect.arrayContaining(['registry/0001-architectures', 'metrics/0001-series', 'evaluator/0001-queue', 'policy/0001-policies']));
      expect(done).toContain(`migrations-${run}.evaluation-outcomes.v2: make it with 12 partitions`);
      expect(await migrateAll()).toEqual([]);

      for (const service of ['registry', 'evaluator']) {
        const running = start(service, { NAT_MIGRATE: 'check' });
        await running.logLine((line) => line.includes('"serving"'));
        running.kill('SIGTERM');
        expect(await running.ended).toMatchObject({ code: 0 });
      }
    });
  },
);
