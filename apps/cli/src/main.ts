import { startTracing } from '@nat/base/tracing';
import { describeFailure } from './failures.ts';
import { processTerminal, readEnvironment } from '@nat/console';
import { run } from './program.ts';

const terminal = processTerminal(process.env);
const stopTracing = await startTracing('nat', (problem) => {
  terminal.err(`spans may be missing: ${problem}`);
});
try {
  process.exitCode = await run(process.argv.slice(2), { terminal, environment: readEnvironment(process.env) });
} catch (error) {
  const { lines, exitCode } = describeFailure(error);
  for (const line of lines) terminal.err(line);
  process.exitCode = exitCode;
} finally {
  await stopTracing();
}
