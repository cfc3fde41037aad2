import { Status } from 'nice-grpc-common';
import type { CallRecord } from './calls.ts';
import type { Logger } from './logger.ts';
import { statusName } from './status.ts';

/** Probes and tools call these all day. */
const QUIET = /^\/grpc\.(health|reflection)\./;
/** Statuses that say something is wrong with the server rather than with the request. */
const ALARMING: ReadonlySet<number> = new Set([Status.UNKNOWN, Status.INTERNAL, Status.DATA_LOSS]);

/** A call of which no more may be known than that it came. */
export type EndedCall = Partial<CallRecord> & Pick<CallRecord, 'path' | 'peer' | 'startedAt'>;

/** Hears of the end of every call. */
export interface CallLog {
  readonly ended: (call: EndedCall, code: number, detail?: string) => void;
}

/** One line a call: method, code, milliseconds, ids, and who it was; never payloads. */
export function createCallLog(logger: Logger): CallLog {
  return {
    ended: ({ path, peer, startedAt, requestId, trace, caller, reason }, code, detail) => {
      const ms = Math.round((performance.now() - startedAt) * 1000) / 1000;
      const ids = { requestId, traceId: trace?.traceId, spanId: trace?.spanId, parentSpanId: trace?.parentSpanId };
      const level = ALARMING.has(code) ? 'error' : QUIET.test(path) ? 'debug' : 'info';
      logger[level]({ method: path, code: statusName(code), ms, ...ids, peer, caller: caller?.subject, reason, detail }, 'call');
    },
  };
}
