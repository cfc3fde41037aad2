import { homedir } from 'node:os';
import { join } from 'node:path';
import { DomainError } from '@nat/base/errors';
import { z } from 'zod';

const schema = z.object({
  NAT_HOME: z.string().min(1).optional(),
  NAT_DATA_DIR: z.string().min(1).optional(),
  NAT_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).optional(),
  NAT_THREADS: z.coerce.number().int().min(1).max(256).optional(),
  XDG_DATA_HOME: z.string().min(1).optional(),
});

/** The environment, read once. */
export interface Environment {
  /** Data directory of the embedded platform. */
  readonly home: string;
  readonly dataDirectory: string | undefined;
  /** Log level of an embedded platform, which logs to standard error. */
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
  /** TensorFlow threads for work this command does itself. */
  readonly threads: number;
}

/** @throws DomainError INVALID_ARGUMENT naming every bad variable */
export function readEnvironment(variables: NodeJS.ProcessEnv): Environment {
  const parsed = schema.safeParse(Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== '')));
  if (!parsed.success) {
    throw DomainError.invalidFields(
      parsed.error.issues.map((issue) => ({ field: issue.path.join('.'), description: issue.message })),
      'BAD_ENVIRONMENT',
    );
  }
  const { NAT_HOME, NAT_DATA_DIR, NAT_LOG_LEVEL, NAT_THREADS, XDG_DATA_HOME } = parsed.data;
  return {
    home: NAT_HOME ?? join(XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'nat'),
    dataDirectory: NAT_DATA_DIR,
    logLevel: NAT_LOG_LEVEL ?? 'warn',
    threads: NAT_THREADS ?? 2,
  };
}
