/** A worker as a process of its own: settings from the environment, ends on a signal or with the process that forked it. */
import { createChannelTo, createLogger, runMain, runUntilSignal } from '@nat/service';
import { startWorker } from './compose.ts';
import { readWorkerEnvironment } from './worker-environment.ts';

await runMain(async () => {
  const { server, connection, config, drainMs, logLevel } = readWorkerEnvironment(process.env);
  const logger = createLogger({ name: 'worker', level: logLevel }).child({ worker: config.workerId });
  const channel = createChannelTo(server, { ...connection, logger });
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
      },
    },
    logger,
  );
});
// An open channel to the parent would keep the process.
process.exit();
