import { describeFailure } from './failures.ts';
import { processTerminal, readEnvironment } from '@nat/console';
import { run } from './program.ts';

const terminal = processTerminal(process.env);
/** Loaded where the environment asks for it: most commands are done sooner than that. */
async function startTracing(): Promise<() => Promise<void>> {
  if (['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'].every((name) => (process.env[name] ?? '').trim() === ''))
    return () => Promise.resolve();
  const tracing = await import('@nat/base/tracing');
  return tracing.startTracing('nat', (problem) => {
    terminal.err(`spans may be missing: ${problem}`);
  });
}
const stopTracing = await startTracing();
try {
  process.exitCode = await run(process.argv.slice(2), { terminal, environment: readEnvironment(process.env) });
} catch (error) {
  const { lines, exitCode } = describeFailure(error);
  for (const line of lines) terminal.err(line);
  process.exitCode = exitCode;
} finally {
  await stopTracing();
}
