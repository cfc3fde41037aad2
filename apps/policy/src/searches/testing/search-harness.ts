/** Searches served over gRPC on an embedded database, with the fake evaluator beside them. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluation as evaluationWire, metrics as metricsWire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { bindService, createChannelTo, createLogger, createServer, openClients, type PlatformClients, type ServiceContext } from '@nat/service';
import { openEmbedded, openFolderBlobStore, openOutboxStream, PLATFORM_TOPICS, type BlobStore, type Database } from '@nat/storage';
import { composePolicy } from '../../compose.ts';
import type { StartLearner } from '../learner/learner-process.ts';
import type { RunnerConfig } from '../loop/config.ts';
import type { SearchTables } from '../store/tables.ts';
import { createFakeEvaluator, type FakeEvaluator, type FakeEvaluatorOptions } from './fake-evaluator.ts';

export interface SearchHarnessOptions {
  /** Blobs, and the embedded database where none is given. */
  readonly home: string;
  readonly database?: Database;
  readonly dataDirectory: string;
  readonly evaluator?: Omit<FakeEvaluatorOptions, 'database' | 'blobs'>;
  readonly runner?: Partial<RunnerConfig>;
  /** Looks at what is put before it is stored. */
  readonly onPut?: (bytes: Uint8Array) => void;
  /** Stands between the runner and its learners. */
  readonly wrapLearner?: (start: StartLearner) => StartLearner;
}

export interface SearchHarness {
  readonly clients: PlatformClients;
  readonly database: Database<SearchTables>;
  readonly blobs: BlobStore;
  readonly evaluator: FakeEvaluator;
  /** Points that the metrics service was sent. */
  readonly points: readonly metricsWire.Point[];
  readonly close: () => Promise<void>;
}

/** Quick, so that tests do not wait. */
const RUNNER: Partial<RunnerConfig> = { leaseMs: 3_000, renewMs: 500, sweepMs: 500, retryMs: 20 };

export async function startSearchHarness(options: SearchHarnessOptions): Promise<SearchHarness> {
  const { home, dataDirectory, onPut, wrapLearner } = options;
  const logger = createLogger({ name: 'searches-test', level: 'silent' });
  await mkdir(home, { recursive: true });
  const database = options.database ?? (await openEmbedded(home)).database;
  const folder = await openFolderBlobStore(join(home, 'blobs'));
  const blobs: BlobStore =
    onPut === undefined
      ? folder
      : {
          ...folder,
          put: (bytes) => {
            onPut(bytes);
            return folder.put(bytes);
          },
        };
  const stream = await openOutboxStream(database, { topics: PLATFORM_TOPICS });
  const evaluator = createFakeEvaluator({ database, blobs: folder, ...options.evaluator });
  const points: metricsWire.Point[] = [];
  const others = createServer({
    services: [
      bindService(evaluationWire.EvaluationServiceDefinition, evaluator.implementation),
      bindService(metricsWire.MetricsServiceDefinition, fakeMetrics(points)),
    ],
    logger,
  });
  const otherPort = await others.listen({ host: '127.0.0.1', port: 0 });
  const inner = createChannelTo(`127.0.0.1:${otherPort}`);
  const policy = await composePolicy({
    database,
    stream,
    blobs,
    logger,
    clients: openClients(inner),
    dataDirectory,
    runner: { ...RUNNER, ...options.runner },
    ...(wrapLearner === undefined ? {} : { wrapLearner }),
  });
  const server = createServer({ services: policy.services, logger });
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  const channel = createChannelTo(`127.0.0.1:${port}`);
  return {
    clients: openClients(channel),
    database: database.as<SearchTables>(),
    blobs,
    evaluator,
    points,
    close: async () => {
      channel.close();
      await server.drain(1_000);
      await policy.close();
      inner.close();
      await others.drain(1_000);
      await stream.close();
      if (options.database === undefined) await database.close();
    },
  };
}

function fakeMetrics(points: metricsWire.Point[]): metricsWire.MetricsServiceImplementation<ServiceContext> {
  const unimplemented = (): never => {
    throw new DomainError('UNIMPLEMENTED', 'not in this test');
  };
  return {
    recordMetrics: (request) => {
      points.push(...request.points);
      return Promise.resolve({ recorded: request.points.length });
    },
    queryMetrics: unimplemented,

    watchMetrics: async function* () {
      await Promise.resolve();
      unimplemented();
    },
    getRunSummary: unimplemented,
    listRunSummaries: unimplemented,
    deleteSeries: unimplemented,
  };
}
