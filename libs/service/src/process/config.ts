import { DomainError } from '@nat/base/errors';
import { z } from 'zod';
import type { ClientChannelOptions } from '../client/client.ts';
import { LOG_LEVELS } from '../observability/logger.ts';
import { requireProtection, type Protection } from '../server/protection.ts';
import { createAuthentication } from '../security/authentication.ts';
import type { JwtOptions } from '../security/jwt.ts';
import { readTokenFile } from '../security/token-file.ts';

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
  /** One bearer token a line, with its namespaces and its role. */
  NAT_AUTH_TOKENS_FILE: z.string().optional(),
  /** Who issues JSON Web Tokens, for whom, and where its public keys are. */
  NAT_AUTH_JWT_ISSUER: z.string().optional(),
  NAT_AUTH_JWT_AUDIENCE: z.string().optional(),
  NAT_AUTH_JWKS_URL: z.string().optional(),
  NAT_AUTH_JWKS_FILE: z.string().optional(),
  /** One name of a client certificate a line, with its namespaces and its role; without it each one is a service. */
  NAT_AUTH_CERTIFICATES_FILE: z.string().optional(),
  /** Where the audit log is written; without it, into the log, its lines marked `audit: true`. */
  NAT_AUDIT_FILE: z.string().optional(),
  NAT_LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  /** Port of /metrics and /healthz, on the same host; absent: none. */
  NAT_METRICS_PORT: z.coerce.number().int().min(0).max(65535).optional(),
  NAT_DRAIN_MS: z.coerce.number().int().min(0).default(10_000),
  NAT_LAME_DUCK_MS: z.coerce.number().int().min(0).default(0),
};

type ServerEnvironment = z.output<z.ZodObject<typeof serverEnvironment>>;

type ProtectionSettings = {
  readonly [
    Key in keyof ServerEnvironment as Key extends 'NAT_HOST' | 'NAT_AUDIT_FILE' | `NAT_TLS_${string}` | `NAT_AUTH_${string}` ? Key : never
  ]: ServerEnvironment[Key];
};

const badConfiguration = (why: string): DomainError => new DomainError('FAILED_PRECONDITION', why, { reason: 'BAD_CONFIGURATION' });

function jwtOptions(config: ProtectionSettings): JwtOptions | undefined {
  const { NAT_AUTH_JWT_ISSUER: issuer, NAT_AUTH_JWT_AUDIENCE: audience, NAT_AUTH_JWKS_URL: url, NAT_AUTH_JWKS_FILE: file } = config;
  if (issuer === undefined && audience === undefined && url === undefined && file === undefined) return undefined;
  if (issuer === undefined || audience === undefined || (url === undefined) === (file === undefined)) {
    throw badConfiguration('NAT_AUTH_JWT_ISSUER, NAT_AUTH_JWT_AUDIENCE and one of NAT_AUTH_JWKS_URL and NAT_AUTH_JWKS_FILE belong together');
  }
  return { issuer, audience, keys: url === undefined ? { file: file! } : { url } };
}

/**
 * TLS and authentication of `createServer`, from the common variables; reads the files that they name.
 * @throws DomainError FAILED_PRECONDITION for variables that belong together, for files that make no sense, and where protection is
 * missing beyond loopback
 */
export function serverProtection(config: ProtectionSettings): Protection {
  const { NAT_TLS_CERT_FILE: certFile, NAT_TLS_KEY_FILE: keyFile, NAT_TLS_CLIENT_CA_FILE: clientCaFile } = config;
  const { NAT_AUTH_TOKENS_FILE: tokensFile, NAT_AUTH_CERTIFICATES_FILE: certificatesFile } = config;
  if ((certFile === undefined) !== (keyFile === undefined)) throw badConfiguration('NAT_TLS_CERT_FILE and NAT_TLS_KEY_FILE belong together');
  if (clientCaFile !== undefined && certFile === undefined) throw badConfiguration('NAT_TLS_CLIENT_CA_FILE needs NAT_TLS_CERT_FILE and NAT_TLS_KEY_FILE');
  if (certificatesFile !== undefined && clientCaFile === undefined) throw badConfiguration('NAT_AUTH_CERTIFICATES_FILE needs NAT_TLS_CLIENT_CA_FILE');
  const jwt = jwtOptions(config);
  const authenticated = tokensFile !== undefined || jwt !== undefined || clientCaFile !== undefined;
  const protection: Protection = {
    ...(certFile === undefined || keyFile === undefined ? {} : { tls: { certFile, keyFile, ...(clientCaFile === undefined ? {} : { clientCaFile }) } }),
    ...(authenticated
      ? {
          authenticate: createAuthentication({
            certificates: clientCaFile !== undefined,
            ...(tokensFile === undefined ? {} : { tokensFile }),
            ...(jwt === undefined ? {} : { jwt }),
            ...(certificatesFile === undefined ? {} : { certificatesFile }),
          }),
        }
      : {}),
    ...(config.NAT_AUDIT_FILE === undefined ? {} : { auditFile: config.NAT_AUDIT_FILE }),
  };
  // Listening would refuse too, but only after databases were opened and migrated.
  requireProtection(config.NAT_HOST, protection);
  return protection;
}

/** The variables of every process that calls other services: how it shows itself to them. */
export const clientEnvironment = {
  NAT_CLIENT_TOKEN: z.string().optional(),
  /** A file that holds the token; read again when it changes. */
  NAT_CLIENT_TOKEN_FILE: z.string().optional(),
  NAT_CLIENT_TLS_CA_FILE: z.string().optional(),
  NAT_CLIENT_TLS_CERT_FILE: z.string().optional(),
  NAT_CLIENT_TLS_KEY_FILE: z.string().optional(),
};

/** TLS and token of `createChannelTo`, from the common variables. */
export function clientConnection(config: z.output<z.ZodObject<typeof clientEnvironment>>): Pick<ClientChannelOptions, 'tls' | 'token'> {
  const { NAT_CLIENT_TOKEN: token, NAT_CLIENT_TLS_CA_FILE: caFile, NAT_CLIENT_TLS_CERT_FILE: certFile, NAT_CLIENT_TLS_KEY_FILE: keyFile } = config;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw badConfiguration('NAT_CLIENT_TLS_CERT_FILE and NAT_CLIENT_TLS_KEY_FILE belong together');
  }
  const tls = {
    ...(caFile === undefined ? {} : { caFile }),
    ...(certFile === undefined || keyFile === undefined ? {} : { certFile, keyFile }),
  };
  const { NAT_CLIENT_TOKEN_FILE: tokenFile } = config;
  if (token !== undefined && tokenFile !== undefined) throw badConfiguration('NAT_CLIENT_TOKEN and NAT_CLIENT_TOKEN_FILE exclude each other');
  const shown = tokenFile === undefined ? token : readTokenFile(tokenFile);
  return { ...(Object.keys(tls).length === 0 ? {} : { tls }), ...(shown === undefined ? {} : { token: shown }) };
}
