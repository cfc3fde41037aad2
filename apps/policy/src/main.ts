/** The policy service as a process of its own, on a PostgreSQL server; outcomes come from Kafka where brokers are named. `--migrate` runs migrations and ends. */
import { createChannelTo, openClients, runServiceProcess } from '@nat/service';
import {
  isReachable,
  housekeepingOf,
  kafkaConnectionOf,
  migrationsOf,
  openBlobStore,
  openKafkaStream,
  openOutboxStream,
  openPostgres,
  PLATFORM_TOPICS,
  postgresOptionsOf,
  requireBlobUrl,
  type StreamEvents,
} from '@nat/storage';
import { composePolicy, POLICY_SCHEMAS } from './compose.ts';
import { readPolicyEnvironment } from './policy-environment.ts';

await runServiceProcess({
  name: 'policy',
  readSettings: (environment) => {
    const { settings, connection, runner } = readPolicyEnvironment(environment);
    return { ...settings, connection, runner };
  },
  migrations: migrationsOf(POLICY_SCHEMAS),
  compose: async ({ settings, logger, metrics: metricsRegistry, resources }) => {
    const database = await openPostgres(postgresOptionsOf(settings));
    resources.defer(() => database.close());
    const events: StreamEvents = {
      onError: (error, place) => {
        logger.warn({ err: error, ...place }, 'the stream does not get on');
      },
      onDeadLetter: ({ topic, group, id, reason }) => {
        logger.error({ topic, group, id, reason }, 'a message is set aside');
      },
    };
    const kafka = kafkaConnectionOf(settings);
    const migrate = settings.NAT_MIGRATE;
    const stream =
      kafka === undefined
        ? await openOutboxStream(database, { topics: PLATFORM_TOPICS, migrate, ...events })
        : await openKafkaStream({ ...kafka, clientId: 'nat-policy', topics: PLATFORM_TOPICS, relay: database, migrate, ...events });
    resources.defer(() => stream.close());
    const open = (address: string) => {
      const channel = createChannelTo(address, { ...settings.connection, logger, metrics: metricsRegistry });
      resources.defer(() => {
        channel.close();
      });
      return openClients(channel);
    };
    const policy = await composePolicy({
      database,
      stream,
      blobs: await openBlobStore(requireBlobUrl(settings)),
      logger,
      clients: {
        architectures: open(settings.NAT_REGISTRY).architectures,
        evaluations: open(settings.NAT_EVALUATOR).evaluations,
        metrics: open(settings.NAT_METRICS).metrics,
      },
      dataDirectory: settings.NAT_DATA_DIR,
      migrate,
      housekeeping: housekeepingOf(settings),
      runner: settings.runner,
      metricsRegistry,
    });
    return { services: policy.services, healthy: () => isReachable(database), pause: policy.close };
  },
});
