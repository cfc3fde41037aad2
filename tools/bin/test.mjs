/** `npm test [-- vitest arguments]`: the set-up, one Kafka, one PostgreSQL and one S3 server, every test; the last line is `N passed, N failed, N skipped`. */
import { onRuntime, setUp } from '../bootstrap/index.mjs';
import { startTestServers } from '../infra/test-servers.mjs';
import { countInto, runTests } from '../testing/run-tests.mjs';

await onRuntime(import.meta.url, async ({ node, env }, report) =>
  countInto(async () => {
    await setUp({ report, env });
    const servers = await report.step('starting Kafka, PostgreSQL and S3 for the tests', () => startTestServers({ report }));
    try {
      const counts = await runTests({ node, args: process.argv.slice(2), env: { ...env, ...servers.env } });
      for (const reason of servers.reasons) console.log(reason);
      return counts;
    } finally {
      await servers.stop();
    }
  }),
);
