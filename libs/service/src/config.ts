import { DomainError } from '@nat/errors';
import { z } from 'zod';
import { bearerTokens, readTokensFile, type Authenticate } from './authentication.ts';
import type { ClientChannelOptions } from './client.ts';
import { LOG_LEVELS } from './logger.ts';
import type { ServerTlsFiles } from './tls.ts';

/**
 * The settings of a process from its environment, typed and frozen. An empty variable counts as absent. Throws
 * FAILED_PRECONDITION naming every bad key (never a value: it may be a secret).
 */
export function loadConfig<Schema extends z.ZodObject>(schema: Schema, env: Readonly<Record<string, string | undefined>>): Readonly<z.output<Schema>> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const result = schema.safeParse(given, { reportInput: false });
  if (result.success) return Object.freeze(result.data);
  const violations = result.error.issues.map(({ path, message }) => {
    const field = path.join('.');
    return { field, description: field in given ? message : 'is required' };
  });
  const list = violations.map(({ field, description }) => `  ${field}: ${description}`).join('\n');
  throw new DomainError('FAILED_PRECONDITION', `bad configuration:\n${list}`, { reason: 'BAD_CONFIGURATION', violations });
}

/** The variables of every service process; apps spread it into their own schema with their own default port. */
export const serverEnvironment = {
  NAT_HOST: z.string().default('127.0.0.1'),
  NAT_PORT: z.coerce.number().int().min(0).max(65535).default(0),
  NAT_TLS_CERT_FILE: z.string().optional(),
  NAT_TLS_KEY_FILE: z.string().optional(),
  NAT_TLS_CLIENT_CA_FILE: z.string().optional(),
  NAT_AUTH_TOKENS_FILE: z.string().optional(),
  NAT_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  NAT_DRAIN_MS: z.coerce.number().int().min(0).default(10_000),
  NAT_LAME_DUCK_MS: z.coerce.number().int().min(0).default(0),
};

type ServerEnvironment = z.output<z.ZodObject<typeof serverEnvironment>>;

/** TLS and authentication of `createServer`, from the common variables; reads the tokens file. */
export function serverProtection(
  config: Pick<ServerEnvironment, 'NAT_TLS_CERT_FILE' | 'NAT_TLS_KEY_FILE' | 'NAT_TLS_CLIENT_CA_FILE' | 'NAT_AUTH_TOKENS_FILE'>,
): {
  readonly tls?: ServerTlsFiles;
  readonly authenticate?: Authenticate;
} {
  const { NAT_TLS_CERT_FILE: certFile, NAT_TLS_KEY_FILE: keyFile, NAT_TLS_CLIENT_CA_FILE: clientCaFile, NAT_AUTH_TOKENS_FILE: tokensFile } = config;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new DomainError('FAILED_PRECONDITION', 'NAT_TLS_CERT_FILE and NAT_TLS_KEY_FILE belong together', { reason: 'BAD_CONFIGURATION' });
  }
  if (clientCaFile !== undefined && certFile === undefined) {
    throw new DomainError('FAILED_PRECONDITION', 'NAT_TLS_CLIENT_CA_FILE needs NAT_TLS_CERT_FILE and NAT_TLS_KEY_FILE', { reason: 'BAD_CONFIGURATION' });
  }
  return {
    ...(certFile === undefined || keyFile === undefined ? {} : { tls: { certFile, keyFile, ...(clientCaFile === undefined ? {} : { clientCaFile }) } }),
    ...(tokensFile === undefined ? {} : { authenticate: bearerTokens(readTokensFile(tokensFile)) }),
  };
}

/** The variables of every process that calls other services: how it shows itself to them. */
export const clientEnvironment = {
  NAT_CLIENT_TOKEN: z.string().optional(),
  NAT_CLIENT_TLS_CA_FILE: z.string().optional(),
  NAT_CLIENT_TLS_CERT_FILE: z.string().optional(),
  NAT_CLIENT_TLS_KEY_FILE: z.string().optional(),
};

/** TLS and token of `createChannelTo`, from the common variables. */
export function clientConnection(config: z.output<z.ZodObject<typeof clientEnvironment>>): Pick<ClientChannelOptions, 'tls' | 'token'> {
  const { NAT_CLIENT_TOKEN: token, NAT_CLIENT_TLS_CA_FILE: caFile, NAT_CLIENT_TLS_CERT_FILE: certFile, NAT_CLIENT_TLS_KEY_FILE: keyFile } = config;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new DomainError('FAILED_PRECONDITION', 'NAT_CLIENT_TLS_CERT_FILE and NAT_CLIENT_TLS_KEY_FILE belong together', { reason: 'BAD_CONFIGURATION' });
  }
  const tls = {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined || keyFile === undefined ? {} : { certFile, keyFile }),
  };
  return { ...(Object.keys(tls).length === 0 ? {} : { tls }), ...(token === undefined ? {} : { token }) };
}
