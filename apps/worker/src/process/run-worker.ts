import { randomUUID } from 'node:crypto';
import { EVALUATION_KINDS } from '@nat/convert';
import { DomainError } from '@nat/base/errors';
import { createChannelTo, runUntilSignal, type ClientChannelOptions, type ClientTlsFiles, type Logger } from '@nat/service';
import { defaultWorkerId } from '../environment.ts';
import { findCapabilities } from '../machine/capabilities.ts';
import { findGpus } from '../machine/gpus.ts';
import { startWorker } from '../worker.ts';
import { startWorkerProcesses } from './worker-processes.ts';

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

/** One worker process a GPU, each seeing its own only, until SIGINT or SIGTERM. @throws DomainError FAILED_PRECONDITION NO_GPU */
export async function runWorkersOnGpus({ server, tls, token, workerId, blobUrl, dataDirectory, logger }: RunWorkerOptions): Promise<void> {
  const gpus = findGpus();
  if (gpus.length === 0) {
    throw new DomainError('FAILED_PRECONDITION', 'there is no GPU to train on', {
      reason: 'NO_GPU',
      metadata: { hint: 'They need NVIDIA’s driver (nvidia-smi lists them) and the CUDA build of TensorFlow: NAT_TENSORFLOW=cuda.' },
    });
  }
  const processes = startWorkerProcesses({
    server,
    blobUrl,
    dataDirectory,
    logger,
    count: gpus.length,
    idOf: (index) => `${workerId ?? defaultWorkerId()}-gpu${index}`,
    environmentOf: (index) => ({
      CUDA_VISIBLE_DEVICES: gpus[index]!.id,
      ...(tls?.caFile === undefined ? {} : { NAT_TLS_CA_FILE: tls.caFile }),
      ...(tls?.certFile === undefined ? {} : { NAT_TLS_CERT_FILE: tls.certFile }),
      ...(tls?.keyFile === undefined ? {} : { NAT_TLS_KEY_FILE: tls.keyFile }),
      ...(token === undefined ? {} : { NAT_TOKEN: typeof token === 'string' ? token : token(logger) }),
    }),
  });
  logger.info({ server, gpus }, 'one worker a GPU');
  await runUntilSignal({ stop: processes.close }, logger);
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
      kinds: EVALUATION_KINDS,
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
