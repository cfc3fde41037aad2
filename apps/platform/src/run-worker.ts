import { randomUUID } from 'node:crypto';
import { KINDS, defaultWorkerId, findCapabilities, startWorker } from '@nat/evaluator-service';
import { createChannelTo, runUntilSignal, type ClientChannelOptions, type ClientTlsFiles, type Logger } from '@nat/service';

export interface RunWorkerOptions {
  /** HOST:PORT of a platform, or of an evaluator. */
  readonly server: string;
  readonly tls: ClientTlsFiles | undefined;
  readonly token: ClientChannelOptions['token'];
  /** Made from the host's name when left out. */
  readonly workerId: string | undefined;
  readonly blobUrl: string;
  readonly dataDirectory: string | undefined;
  readonly logger: Logger;
}

/** How long running work may go on after a signal before its lease is given back, milliseconds. */
const FINISH_MS = 10_000;

/** Works for a platform until SIGINT or SIGTERM. A server that goes away is waited for. */
export async function runWorkerUntilSignal({ server, tls, token, workerId, blobUrl, dataDirectory, logger }: RunWorkerOptions): Promise<void> {
  const channel = createChannelTo(server, { logger, ...(tls === undefined ? {} : { tls }), ...(token === undefined ? {} : { token }) });
  const worker = startWorker({
    channel,
    logger,
    config: {
      workerId: workerId ?? defaultWorkerId(),
      instance: randomUUID(),
      kinds: KINDS,
      capabilities: findCapabilities({ dataDir: dataDirectory }),
      blobUrl,
      ...(dataDirectory === undefined ? {} : { dataDir: dataDirectory }),
    },
  });
  void worker.registered.then(() => logger.info({ server }, 'registered'));
  const stop = async (): Promise<void> => {
    await worker.drain(FINISH_MS);
    channel.close();
  };
  await runUntilSignal({ stop }, logger);
}
