import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { EVALUATION_KINDS } from '@nat/convert';
import { DomainError } from '@nat/base/errors';
import { loadConfig, LOG_LEVELS, readTokenFile, type ClientChannelOptions, type Protection } from '@nat/service';
import { blobEnvironment, requireBlobUrl } from '@nat/storage';
import { z } from 'zod';
import { findCapabilities } from './machine/capabilities.ts';
import type { WorkerConfig } from './worker.ts';

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

/** The variables of a worker process. */
const schema = z.object({
  NAT_SERVER: z.string(),
  NAT_TOKEN: z.string().optional(),
  /** A file that holds the token; read again when it changes. */
  NAT_TOKEN_FILE: z.string().optional(),
  NAT_TLS_CA_FILE: z.string().optional(),
  NAT_TLS_CERT_FILE: z.string().optional(),
  NAT_TLS_KEY_FILE: z.string().optional(),
  NAT_WORKER_ID: z
    .string()
    .regex(/^[a-zA-Z0-9._-]{1,128}$/, '1 to 128 letters, digits, dots, underscores and hyphens')
    .optional(),
  NAT_WORKER_KINDS: list.pipe(z.array(z.enum(EVALUATION_KINDS)).min(1)).default([...EVALUATION_KINDS]),
  NAT_WORKER_CAPABILITIES: list.default([]),
  NAT_WORKER_TRAINERS: z.coerce.number().int().min(1).max(64).default(1),
  NAT_WORKER_NICE: z.coerce.number().int().min(0).max(19).default(10),
  NAT_WORKER_CHECKPOINT_MS: z.coerce.number().int().min(0).default(30_000),
  NAT_DATA_DIR: z.string().optional(),
  ...blobEnvironment,
  NAT_DRAIN_MS: z.coerce.number().int().min(0).default(10_000),
  NAT_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  /** Port of /metrics and /healthz; absent: none. Beyond loopback its callers show certificates of NAT_TLS_CA_FILE's authority. */
  NAT_METRICS_PORT: z.coerce.number().int().min(0).max(65535).optional(),
  NAT_METRICS_HOST: z.string().default('127.0.0.1'),
});

export interface WorkerEnvironment {
  readonly server: string;
  readonly connection: ClientChannelOptions;
  readonly config: WorkerConfig;
  readonly drainMs: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** Where the worker is measured; its certificate is the one that it calls with. */
  readonly metrics: Protection & { readonly host: string; readonly port: number | undefined };
}

/** Reads a worker's settings. @throws DomainError FAILED_PRECONDITION BAD_CONFIGURATION naming every bad variable */
export function readWorkerEnvironment(env: Readonly<Record<string, string | undefined>>): WorkerEnvironment {
  const settings = loadConfig(schema, env);
  const { NAT_TLS_CA_FILE: caFile, NAT_TLS_CERT_FILE: certFile, NAT_TLS_KEY_FILE: keyFile, NAT_DATA_DIR: dataDir } = settings;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new DomainError('FAILED_PRECONDITION', 'NAT_TLS_CERT_FILE and NAT_TLS_KEY_FILE belong together', { reason: 'BAD_CONFIGURATION' });
  }
  const { NAT_TOKEN: given, NAT_TOKEN_FILE: tokenFile } = settings;
  if (given !== undefined && tokenFile !== undefined) {
    throw new DomainError('FAILED_PRECONDITION', 'NAT_TOKEN and NAT_TOKEN_FILE exclude each other', { reason: 'BAD_CONFIGURATION' });
  }
  const token = tokenFile === undefined ? given : readTokenFile(tokenFile);
  const tls = caFile === undefined && certFile === undefined ? {} : { tls: { ...defined({ caFile, certFile, keyFile }) } };
  return {
    server: settings.NAT_SERVER,
    connection: { ...tls, ...(token === undefined ? {} : { token }) },
    config: {
      workerId: settings.NAT_WORKER_ID ?? defaultWorkerId(),
      instance: randomUUID(),
      kinds: settings.NAT_WORKER_KINDS,
      capabilities: findCapabilities({ dataDir, extra: settings.NAT_WORKER_CAPABILITIES }),
      ...defined({ dataDir }),
      blobUrl: requireBlobUrl(settings),
      trainers: settings.NAT_WORKER_TRAINERS,
      trainerNice: settings.NAT_WORKER_NICE,
      checkpointMs: settings.NAT_WORKER_CHECKPOINT_MS,
    },
    drainMs: settings.NAT_DRAIN_MS,
    logLevel: settings.NAT_LOG_LEVEL,
    metrics: {
      host: settings.NAT_METRICS_HOST,
      port: settings.NAT_METRICS_PORT,
      ...(certFile === undefined || keyFile === undefined || caFile === undefined ? {} : { tls: { certFile, keyFile, clientCaFile: caFile } }),
    },
  };
}

/** Distinct on one host; a worker that wants to be known again after a restart is given an id. */
export function defaultWorkerId(): string {
  return `${hostname()
    .replaceAll(/[^a-zA-Z0-9._-]/g, '-')
    .slice(0, 80)}-${process.pid}`;
}

function defined<Values extends Record<string, string | undefined>>(values: Values): { [Key in keyof Values]?: string } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [Key in keyof Values]?: string };
}
