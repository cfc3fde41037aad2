import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { composeEvaluator } from '@nat/evaluator-service';
import { composeMetrics } from '@nat/metrics-service';
import { composePolicy } from '@nat/policy-service';
import { composeRegistry } from '@nat/registry-service';
import { createChannelTo, createProcessRegistry, createServer, openClients, startApp, type BoundService, type ListenAddress, type Logger } from '@nat/service';
import { PLATFORM_TOPICS, openEmbedded, openFolderBlobStore, openOutboxStream } from '@nat/storage';
import { startWorkerProcesses } from '@nat/worker';
import type { Registry } from 'prom-client';

export interface PlatformOptions {
  /** The data directory: database, blobs. One process at a time has it. */
  readonly home: string;
  /** Where data sets lie; absent: only those that come with the platform. */
  readonly dataDirectory: string | undefined;
  readonly listen: ListenAddress;
  /** Where Prometheus metrics are served; absent: nowhere. */
  readonly http?: ListenAddress;
  readonly logger: Logger;
  /** Worker processes started beside this one. */
  readonly workers: number;
}

export interface Platform {
  /** HOST:PORT of every service. */
  readonly address: string;
  /** HOST:PORT of the metrics endpoint, where there is one. */
  readonly httpAddress: string | undefined;
  /** Whether other commands find it by its data directory; they do from the start on. */
  readonly setListed: (listed: boolean) => Promise<void>;
  /** Drains and ends everything that was started; searches go on at the next start. */
  readonly close: () => Promise<void>;
}

/**
 * All services in this process on one embedded database, and workers beside it. Services call each other over gRPC on loopback, as they do when
 * they run apart.
 *
 * @throws DomainError FAILED_PRECONDITION DIRECTORY_LOCKED when another process has the directory
 */
export async function startPlatform({ home, dataDirectory, listen, http, logger, workers }: PlatformOptions): Promise<Platform> {
  await mkdir(home, { recursive: true });
  const { database, publishAddress } = await openEmbedded(home);
  // Closed in the reverse order of opening, whether the start succeeds or not.
  const closers: (() => Promise<void>)[] = [() => database.close()];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const blobDirectory = resolve(home, 'blobs');
    const blobs = await openFolderBlobStore(blobDirectory);
    const registry = createProcessRegistry();
    const evaluator = await composeEvaluator({ database, logger, blobs, registry });
    closers.push(evaluator.close);
    const metrics = await composeMetrics({ database, logger, registry, ...(http === undefined ? {} : { http }) });
    closers.push(metrics.close);
    const architectures = await composeRegistry({ database, logger });
    const own = [...architectures.services, ...evaluator.services, ...metrics.services];

    // The policy service calls the others, so they serve first, on a loopback port of their own.
    const inner = await serve(own, { host: '127.0.0.1', port: 0 }, logger);
    closers.push(inner.stop);
    const channel = createChannelTo(`127.0.0.1:${inner.port}`);
    closers.push(() => {
      channel.close();
      return Promise.resolve();
    });
    const stream = await openOutboxStream(database, {
      topics: PLATFORM_TOPICS,
      onError: (error, place) => logger.warn({ err: error, ...place }, 'the stream does not get on'),
      onDeadLetter: ({ topic, group, id, reason }) => logger.error({ topic, group, id, reason }, 'a message is set aside'),
    });
    closers.push(() => stream.close());
    const policy = await composePolicy({ database, stream, blobs, logger, clients: openClients(channel), dataDirectory, metricsRegistry: registry });
    closers.push(policy.close);

    const outer = await serve([...own, ...policy.services], listen, logger, registry);
    closers.push(outer.stop);
    const address = `${listen.host}:${outer.port}`;
    const processes = startWorkerProcesses({ count: workers, server: `127.0.0.1:${inner.port}`, blobUrl: blobDirectory, dataDirectory, logger });
    closers.push(processes.close);
    const setListed = (listed: boolean): Promise<void> => publishAddress(listed ? address : undefined);
    await setListed(true);
    return { address, setListed, httpAddress: http === undefined ? undefined : `${http.host}:${metrics.httpPort}`, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** @param metrics where calls are counted: those of clients, not those that services make of each other */
function serve(services: readonly BoundService[], listen: ListenAddress, logger: Logger, metrics?: Registry) {
  const server = createServer({ services, logger, ...(metrics === undefined ? {} : { metrics }) });
  return startApp({ server, listen, logger, drainMs: 3_000 });
}
