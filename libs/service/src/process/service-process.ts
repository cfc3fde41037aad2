/** How every service of the platform is a process: settings from the environment, its parts, gRPC and HTTP ports, and an orderly end. */
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { createLogger, type LOG_LEVELS, type Logger } from '../observability/logger.ts';
import { loadConfig, serverEnvironment, serverProtection } from './config.ts';
import { runMain, runUntilSignal, startApp, type ProcessEvents } from './lifecycle.ts';
import { createProcessRegistry, startProcessEndpoint } from './process-endpoint.ts';
import { createServer, type BoundService } from '../server/server.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What `main.ts --migrate` runs instead of the service. */
export interface Migrations<Shape extends z.ZodRawShape = z.ZodRawShape> {
  /** The variables that it takes, beside NAT_LOG_LEVEL. */
  readonly environment: Shape;
  /** @returns what was done, for the log */
  run(settings: z.output<z.ZodObject<Shape>>): Promise<unknown>;
}

export interface ProcessContext<Settings> {
  readonly settings: Settings;
  readonly logger: Logger;
  /** What /metrics shows. */
  readonly metrics: Registry;
  /** What is closed at the end of the process, the last one first; also when the rest cannot be made. */
  readonly resources: AsyncDisposableStack;
}

/** What a process serves. */
export interface ServedParts {
  readonly services: readonly BoundService[];
  /** What /healthz answers. @default always */
  readonly healthy?: () => Promise<boolean>;
  /** Stops taking work from streams and queues; calls in flight go on. */
  readonly pause?: () => Promise<void>;
}

export interface ServiceProcessOptions<Settings> {
  /** In logs and spans. */
  readonly name: string;
  /** @throws DomainError FAILED_PRECONDITION BAD_CONFIGURATION */
  readonly readSettings: (environment: Environment) => Settings;
  readonly migrations?: Migrations;
  readonly compose: (context: ProcessContext<Settings>) => Promise<ServedParts>;
  /** Of this process, or a test's. @default those of `process` */
  readonly argv?: readonly string[];
  readonly environment?: Environment;
  readonly events?: ProcessEvents;
}

/**
 * Runs a service until SIGINT or SIGTERM, or its migrations where the command line says `--migrate`. What goes wrong goes to standard error and makes the exit
 * code 1.
 */
export function runServiceProcess<Settings extends z.output<z.ZodObject<typeof serverEnvironment>>>(options: ServiceProcessOptions<Settings>): Promise<void> {
  const { name, migrations, argv = process.argv, environment = process.env } = options;
  return runMain(name, async () => {
    if (migrations !== undefined && argv.slice(2).includes('--migrate')) await migrate(name, migrations, environment);
    else await serve(options, options.readSettings(environment));
  });
}

async function migrate(name: string, migrations: Migrations, environment: Environment): Promise<void> {
  type Settings = z.output<z.ZodObject> & { readonly NAT_LOG_LEVEL: (typeof LOG_LEVELS)[number] };
  const settings = loadConfig(z.object({ ...migrations.environment, NAT_LOG_LEVEL: serverEnvironment.NAT_LOG_LEVEL }), environment) as Settings;
  createLogger({ name, level: settings.NAT_LOG_LEVEL }).info({ done: await migrations.run(settings) }, 'migrated');
}

async function serve<Settings extends z.output<z.ZodObject<typeof serverEnvironment>>>(
  { name, compose, events }: ServiceProcessOptions<Settings>,
  settings: Settings,
): Promise<void> {
  const logger = createLogger({ name, level: settings.NAT_LOG_LEVEL });
  const protection = serverProtection(settings);
  const metrics = createProcessRegistry();
  const resources = new AsyncDisposableStack();
  try {
    const { services, healthy = () => Promise.resolve(true), pause } = await compose({ settings, logger, metrics, resources });
    let paused: Promise<void> | undefined;
    const pauseOnce = (): Promise<void> => (paused ??= pause?.() ?? Promise.resolve());
    resources.defer(pauseOnce);
    const endpoint = { host: settings.NAT_HOST, port: settings.NAT_METRICS_PORT, registry: metrics, healthy, logger, ...protection };
    const http = await startProcessEndpoint(endpoint);
    resources.defer(() => http.close());
    const app = await startApp({
      server: createServer({ services, logger, metrics, ...protection }),
      listen: { host: settings.NAT_HOST, port: settings.NAT_PORT },
      logger,
      drainMs: settings.NAT_DRAIN_MS,
      lameDuckMs: settings.NAT_LAME_DUCK_MS,
      pause: pauseOnce,
      release: () => resources.disposeAsync(),
    });
    await runUntilSignal(app, logger, events);
  } catch (error) {
    // The first error is the one to show.
    await resources.disposeAsync().catch((closing: unknown) => {
      logger.warn({ err: closing }, 'not everything could be closed');
    });
    throw error;
  }
}
