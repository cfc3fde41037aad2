/** A worker as a process of its own: settings from the environment, ends on a signal or with the process that forked it. */
import { createChannelTo, createLogger, createProcessRegistry, runMain, runUntilSignal, startProcessEndpoint } from '@nat/service';
import { startWorker } from './worker.ts';
import { readWorkerEnvironment } from './environment.ts';

await runMain('worker', async () => {
  const { server, connection, config, drainMs, logLevel, metrics } = readWorkerEnvironment(process.env);
  const logger = createLogger({ name: 'worker', level: logLevel }).child({ worker: config.workerId });
  const registry = createProcessRegistry();
  const http = await startProcessEndpoint({ ...metrics, registry, healthy: () => Promise.resolve(true), logger });
  const channel = createChannelTo(server, { ...connection, logger, metrics: registry });
  const worker = startWorker({ channel, config, logger });

  // Forked by a platform that is gone: its database is too, and whoever opens it next starts workers of its own.
  process.on('disconnect', () => {
    logger.warn('the parent process is gone');
    process.exit(0);
  });
  await runUntilSignal(
    {
      stop: async () => {
        await worker.drain(drainMs);
        channel.close();
        await http.close();
      },
    },
    logger,
  );
});
// An open channel to the parent would keep the process.
process.exit();
