import { Status } from 'nice-grpc-common';
import { pino, stdTimeFunctions, type DestinationStream } from 'pino';
import type { CallRecord } from '../server/open-calls.ts';
import type { Logger } from './logger.ts';
import { accessOf } from '../security/method-access.ts';
import { statusName } from '../wire/status.ts';

/** Probes and tools call these all day. */
const QUIET = /^\/grpc\.(health|reflection)\./;
/** Statuses that say something is wrong with the server rather than with the request. */
const ALARMING: ReadonlySet<number> = new Set([Status.UNKNOWN, Status.INTERNAL, Status.DATA_LOSS]);
const REFUSED: ReadonlySet<number> = new Set([Status.UNAUTHENTICATED, Status.PERMISSION_DENIED]);

/** A call of which no more may be known than that it came. */
export type EndedCall = Partial<CallRecord> & Pick<CallRecord, 'path' | 'peer' | 'startedAt'>;

/** Hears of every call. */
export interface CallLog {
  readonly started?: (path: string) => void;
  readonly ended: (call: EndedCall, code: number, detail?: string) => void;
}

/** Resources and characters of each that a line tells at most. */
const MAX_RESOURCES = 16;
const MAX_CHARACTERS = 300;

/** Whether the audit log is told: of calls that may change something, and of all that were refused. */
function isAudited(path: string, code: number): boolean {
  const kind = accessOf(path)?.kind;
  return kind === 'write' || kind === 'work' || REFUSED.has(code);
}

/** Method, code, milliseconds and ids: never payloads. */
function callFields({ path, peer, startedAt, requestId, trace, caller, reason }: EndedCall, code: number): object {
  const ms = Math.round((performance.now() - startedAt) * 1000) / 1000;
  const ids = { requestId, traceId: trace?.traceId, spanId: trace?.spanId, parentSpanId: trace?.parentSpanId };
  return { method: path, code: statusName(code), ms, ...ids, peer, caller: caller?.subject, reason };
}

/** What an auditor asks besides: as whom, with what right, about what. */
function auditFields({ caller, resources = [] }: EndedCall): object {
  return {
    audit: true,
    role: caller?.role,
    credentials: caller?.credentials,
    resources: resources.slice(0, MAX_RESOURCES).map((name) => name.slice(0, MAX_CHARACTERS)),
    ...(resources.length > MAX_RESOURCES ? { moreResources: resources.length - MAX_RESOURCES } : {}),
  };
}

/**
 * One line a call. Lines that an auditor wants carry `audit: true` and what belongs to it, unless `auditedElsewhere`.
 * Refused calls are warnings, so that a log without the ordinary ones has them still.
 */
export function createCallLog(logger: Logger, auditedElsewhere: boolean): CallLog {
  return {
    ended: (call, code, detail) => {
      const level = ALARMING.has(code) ? 'error' : REFUSED.has(code) ? 'warn' : QUIET.test(call.path) ? 'debug' : 'info';
      const audit = !auditedElsewhere && isAudited(call.path, code) ? auditFields(call) : {};
      logger[level]({ ...callFields(call, code), detail, ...audit }, 'call');
    },
  };
}

/** The audit log as a stream of its own, of the same lines. */
function createAuditLog(name: string, destination: DestinationStream): CallLog {
  const log = pino({ name, base: { name }, timestamp: stdTimeFunctions.isoTime }, destination);
  return {
    ended: (call, code) => {
      if (isAudited(call.path, code)) log.info({ ...callFields(call, code), ...auditFields(call) }, 'call');
    },
  };
}

/**
 * The audit log in a file that only its owner reads: appended to, each line written before the next call is answered.
 * A file that can no longer be written (a full disk) is reported, and calls go on.
 * @throws what opening throws
 */
export function openAuditFile(path: string, logger: Logger): CallLog {
  const destination = pino.destination({ dest: path, append: true, mkdir: true, sync: true, mode: 0o600 });
  destination.on('error', (error: unknown) => {
    logger.error({ err: error, path }, 'the audit log cannot be written');
  });
  return createAuditLog(typeof logger.bindings()['name'] === 'string' ? (logger.bindings()['name'] as string) : '', destination);
}
