/** The evaluation coordinator as a process: settings from the environment, PostgreSQL, outcomes to Kafka where brokers are named. `--migrate` runs migrations and ends. */
import { runServiceProcess } from '@nat/service';
import {
  isReachable,
  blobUrlOf,
  housekeepingOf,
  kafkaConnectionOf,
  migrationsOf,
  openBlobStore,
  openKafkaStream,
  openPostgres,
  PLATFORM_TOPICS,
  postgresOptionsOf,
} from '@nat/storage';
import { composeEvaluator, EVALUATOR_SCHEMAS } from './compose.ts';
import { readCoordinatorEnvironment } from './environment.ts';

await runServiceProcess({
  name: 'evaluator',
  readSettings: readCoordinatorEnvironment,
  migrations: migrationsOf(EVALUATOR_SCHEMAS),
  compose: async ({ settings, logger, metrics: registry, resources }) => {
    const database = await openPostgres(postgresOptionsOf(settings));
    resources.defer(() => database.close());
    const blobUrl = blobUrlOf(settings);
    const migrate = settings.NAT_MIGRATE;
    const evaluator = await composeEvaluator({
      database,
      logger,
      registry,
      migrate,
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
    if (kafka !== undefined) {
      const onError = (error: unknown, place: { readonly topic: string; readonly group: string }): void => {
        logger.warn({ err: error, ...place }, 'the stream does not get on');
      };
      const stream = await openKafkaStream({ ...kafka, migrate, clientId: 'nat-evaluator', topics: PLATFORM_TOPICS, relay: database, onError });
      resources.defer(() => stream.close());
    }
    return { services: evaluator.services, healthy: () => isReachable(database), pause: evaluator.close };
  },
});
