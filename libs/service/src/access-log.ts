/**
 * One line a call: method, code, milliseconds, ids; never payloads. Stands in grpc-js itself, so that calls which end
 * before a handler sees them (too large, past their deadline) are logged too.
 */
import { ServerInterceptingCall, ServerListenerBuilder, type Metadata, type ServerInterceptor } from '@grpc/grpc-js';
import { Status } from 'nice-grpc-common';
import { acceptRequestId, continueTrace, formatTraceparent, REQUEST_ID_KEY, TRACEPARENT_KEY, type Trace } from './call-context.ts';
import type { Logger } from './logger.ts';
import { statusName } from './status.ts';

/** Probes and tools call these all day. */
const QUIET = /^\/grpc\.(health|reflection)\./;
/** Statuses that say something is wrong with the server rather than with the request. */
const ALARMING: ReadonlySet<number> = new Set([Status.UNKNOWN, Status.INTERNAL, Status.DATA_LOSS]);

const first = (metadata: Metadata, key: string): string | undefined => metadata.get(key)[0]?.toString();

/** How a call ended that no handler ended: its deadline passed, its client left, or its message was refused. */
function withoutStatus(deadline: Date | number, received: boolean): { code: number; detail: string } {
  if (Number(deadline) <= Date.now()) return { code: Status.DEADLINE_EXCEEDED, detail: 'deadline exceeded' };
  return received
    ? { code: Status.CANCELLED, detail: 'client cancelled' }
    : { code: Status.CANCELLED, detail: 'ended before a handler saw it: client cancelled, or its message was too large or unreadable' };
}

/** Gives every call its request id and trace (in its metadata, where the handler's context finds them) and logs its end. */
export function accessLog(logger: Logger): ServerInterceptor {
  return (method, call) => {
    const startedAt = performance.now();
    const level = QUIET.test(method.path) ? 'debug' : 'info';
    let requestId = '';
    let trace: Trace | undefined;
    let received = false;
    let logged = false;

    const log = (code: number, detail?: string): void => {
      if (logged) return;
      logged = true;
      const ms = Math.round((performance.now() - startedAt) * 1000) / 1000;
      const ids = { requestId, traceId: trace?.traceId, spanId: trace?.spanId, parentSpanId: trace?.parentSpanId };
      logger[ALARMING.has(code) ? 'error' : level]({ method: method.path, code: statusName(code), ms, ...ids, peer: call.getPeer(), detail }, 'call');
    };

    return new ServerInterceptingCall(call, {
      start: (next) => {
        const listener = new ServerListenerBuilder()
          .withOnReceiveMetadata((metadata, nextMetadata) => {
            requestId = acceptRequestId(first(metadata, REQUEST_ID_KEY));
            trace = continueTrace(first(metadata, TRACEPARENT_KEY));
            metadata.set(REQUEST_ID_KEY, requestId);
            metadata.set(TRACEPARENT_KEY, formatTraceparent(trace));
            nextMetadata(metadata);
          })
          .withOnReceiveMessage((message: unknown, nextMessage) => {
            received = true;
            nextMessage(message);
          })
          .withOnCancel(() => {
            const { code, detail } = withoutStatus(call.getDeadline(), received);
            log(code, detail);
          })
          .build();
        next(listener);
      },
      sendStatus: (status, next) => {
        log(status.code);
        next(status);
      },
    });
  };
}
