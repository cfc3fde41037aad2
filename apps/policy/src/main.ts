/** The policy service as a process of its own, on a PostgreSQL server; outcomes come from Kafka where brokers are named. `--migrate` runs migrations and ends. */
import {
  createChannelTo,
  createLogger,
  createProcessRegistry,
  createServer,
  openClients,
  runMain,
  runMigrationOnly,
  runUntilSignal,
  serverProtection,
  startApp,
  startProcessEndpoint,
} from '@nat/service';
import {
  answers,
  housekeepingOf,
  isMigration,
  kafkaConnectionOf,
  migrationEnvironment,
  openBlobStore,
  openKafkaStream,
  openOutboxStream,
  openPostgres,
  PLATFORM_TOPICS,
  postgresOptionsOf,
  requireBlobUrl,
  runMigrations,
  type DeadLetter,
} from '@nat/storage';
import { composePolicy, POLICY_SCHEMAS } from './compose.ts';
import { readPolicyEnvironment } from './policy-environment.ts';

await runMain('policy', async () => {
  if (isMigration(process.argv)) return runMigrationOnly('policy', migrationEnvironment, (settings) => runMigrations(settings, POLICY_SCHEMAS));
  const { settings, connection, runner } = readPolicyEnvironment(process.env);
  const protection = serverProtection(settings);
  const logger = createLogger({ name: 'policy', level: settings.NAT_LOG_LEVEL });
  const database = await openPostgres(postgresOptionsOf(settings));
  const onError = (error: unknown, place: { readonly topic: string; readonly group: string }): void => {
    logger.warn({ err: error, ...place }, 'the stream does not get on');
  };
  const onDeadLetter = ({ topic, group, id, reason }: DeadLetter): void => {
    logger.error({ topic, group, id, reason }, 'a message is set aside');
  };
  const kafka = kafkaConnectionOf(settings);
  const migrate = settings.NAT_MIGRATE;
  const stream =
    kafka === undefined
      ? await openOutboxStream(database, { topics: PLATFORM_TOPICS, migrate, onError, onDeadLetter })
      : await openKafkaStream({ ...kafka, clientId: 'nat-policy', topics: PLATFORM_TOPICS, relay: database, migrate, onError, onDeadLetter });
  const metricsRegistry = createProcessRegistry();
  const open = (address: string) => createChannelTo(address, { ...connection, logger, metrics: metricsRegistry });
  const channels = [settings.NAT_REGISTRY, settings.NAT_EVALUATOR, settings.NAT_METRICS].map(open);
  const [registry, evaluator, metrics] = channels.map((channel) => openClients(channel));
  const policy = await composePolicy({
    database,
    stream,
    blobs: await openBlobStore(requireBlobUrl(settings)),
    logger,
    clients: { architectures: registry!.architectures, evaluations: evaluator!.evaluations, metrics: metrics!.metrics },
    dataDirectory: settings.NAT_DATA_DIR,
    migrate,
    housekeeping: housekeepingOf(settings),
    runner,
    metricsRegistry,
  });
  const http = await startProcessEndpoint({
    host: settings.NAT_HOST,
    port: settings.NAT_METRICS_PORT,
    registry: metricsRegistry,
    healthy: () => answers(database),
    logger,
    ...protection,
  });
  const app = await startApp({
    server: createServer({ services: policy.services, logger, metrics: metricsRegistry, ...protection }),
    listen: { host: settings.NAT_HOST, port: settings.NAT_PORT },
    logger,
    drainMs: settings.NAT_DRAIN_MS,
    lameDuckMs: settings.NAT_LAME_DUCK_MS,
    pause: policy.close,
    release: async () => {
      await http.close();
      for (const channel of channels) channel.close();
      await stream.close();
      await database.close();
    },
  });
  await runUntilSignal(app, logger);
});
