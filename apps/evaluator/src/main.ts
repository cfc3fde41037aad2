/** The evaluation coordinator as a process: settings from the environment, PostgreSQL, outcomes to Kafka where brokers are named. `--migrate` runs migrations and ends. */
import {
  createLogger,
  createProcessRegistry,
  createServer,
  runMain,
  runMigrationOnly,
  runUntilSignal,
  serverProtection,
  startApp,
  startProcessEndpoint,
} from '@nat/service';
import {
  answers,
  blobUrlOf,
  housekeepingOf,
  isMigration,
  kafkaConnectionOf,
  migrationEnvironment,
  openBlobStore,
  openKafkaStream,
  openPostgres,
  PLATFORM_TOPICS,
  postgresOptionsOf,
  runMigrations,
} from '@nat/storage';
import { composeEvaluator, EVALUATOR_SCHEMAS } from './compose.ts';
import { readCoordinatorEnvironment } from './environment.ts';

await runMain('evaluator', async () => {
  if (isMigration(process.argv)) return runMigrationOnly('evaluator', migrationEnvironment, (settings) => runMigrations(settings, EVALUATOR_SCHEMAS));
  const settings = readCoordinatorEnvironment(process.env);
  const logger = createLogger({ name: 'evaluator', level: settings.NAT_LOG_LEVEL });
  const protection = serverProtection(settings);
  const registry = createProcessRegistry();

  const database = await openPostgres(postgresOptionsOf(settings));
  const blobUrl = blobUrlOf(settings);
  const evaluator = await composeEvaluator({
    database,
    logger,
    registry,
    migrate: settings.NAT_MIGRATE,
    housekeeping: housekeepingOf(settings),
    config: {
      leaseMs: settings.NAT_LEASE_MS,
      renewMs: settings.NAT_RENEW_MS,
      noCapableWorkerMs: settings.NAT_NO_CAPABLE_WORKER_MS,
      noWorkerMs: settings.NAT_NO_CAPABLE_WORKER_MS,
    },
    ...(blobUrl === undefined ? {} : { blobs: await openBlobStore(blobUrl) }),
  });
  const kafka = kafkaConnectionOf(settings);
  const stream =
    kafka === undefined
      ? undefined
      : await openKafkaStream({
          ...kafka,
          migrate: settings.NAT_MIGRATE,
          clientId: 'nat-evaluator',
          topics: PLATFORM_TOPICS,
          relay: database,
          onError: (error, place) => {
            logger.warn({ err: error, ...place }, 'the stream does not get on');
          },
        });
  const http = await startProcessEndpoint({
    host: settings.NAT_HOST,
    port: settings.NAT_METRICS_PORT,
    registry,
    healthy: () => answers(database),
    logger,
    ...protection,
  });
  const app = await startApp({
    server: createServer({ services: evaluator.services, logger, metrics: registry, ...protection }),
    listen: { host: settings.NAT_HOST, port: settings.NAT_PORT },
    logger,
    drainMs: settings.NAT_DRAIN_MS,
    lameDuckMs: settings.NAT_LAME_DUCK_MS,
    pause: evaluator.close,
    release: async () => {
      await http.close();
      await stream?.close();
      await database.close();
    },
  });
  await runUntilSignal(app, logger);
});
