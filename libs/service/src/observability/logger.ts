import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export interface LoggerOptions {
  /** The service, as in `registry`. */
  readonly name: string;
  /** @default 'info' */
  readonly level?: (typeof LOG_LEVELS)[number];
  /** @default standard error, so that standard output stays the program's own */
  readonly destination?: DestinationStream;
}

/** Nobody logs these on purpose; errors of libraries may carry what they were configured with. */
const SECRETS = ['password', 'authorization', 'secretAccessKey', 'sessionToken'].flatMap((key) => [key, `*.${key}`, `*.*.${key}`, `*.*.*.${key}`]);

/** One JSON object a line, times in ISO 8601. */
export function createLogger({ name, level = 'info', destination = pino.destination({ dest: 2, sync: true }) }: LoggerOptions): Logger {
  return pino({ name, level, timestamp: stdTimeFunctions.isoTime, base: { name }, redact: { paths: SECRETS, censor: '[secret]' } }, destination);
}
