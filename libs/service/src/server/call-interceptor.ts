/**
 * Where every call begins and ends. Stands in grpc-js itself: calls that end before a handler sees them (unauthenticated, too large, past their
 * deadline) pass here too, and a caller that may not call is refused before its message is read.
 */
import { Metadata, ServerInterceptingCall, ServerListenerBuilder, type ServerInterceptor } from '@grpc/grpc-js';
import { DomainError, isDomainError } from '@nat/base/errors';
import { Status } from 'nice-grpc-common';
import { acceptRequestId, REQUEST_ID_KEY, TRACEPARENT_KEY } from '../wire/call-headers.ts';
import { startServerSpan, type ServerSpan } from '../observability/call-spans.ts';
import { CALL_KEY, type CallRecord, type OpenCalls } from './open-calls.ts';
import type { CallLog } from '../observability/call-log.ts';
import type { Logger } from '../observability/logger.ts';
import type { Authenticate } from '../security/authentication.ts';
import { authorizeMethod } from '../security/authorization.ts';
import { accessOf } from '../security/method-access.ts';
import { encodeDomainError, STATUS_DETAILS_KEY } from '../wire/wire-errors.ts';

export interface CallInterceptorOptions {
  readonly calls: OpenCalls;
  /** Told of the end of every call. */
  readonly logs: readonly CallLog[];
  readonly logger: Logger;
  readonly authenticate: Authenticate | undefined;
}

const first = (metadata: Metadata, key: string): string | undefined => metadata.get(key)[0]?.toString();

/** How a call ended that no handler ended: its deadline passed, its client left, or its message was refused. */
function withoutStatus(deadline: Date | number, received: boolean): { code: number; detail: string } {
  if (Number(deadline) <= Date.now()) return { code: Status.DEADLINE_EXCEEDED, detail: 'deadline exceeded' };
  return received
    ? { code: Status.CANCELLED, detail: 'client cancelled' }
    : { code: Status.CANCELLED, detail: 'ended before a handler saw it: client cancelled, or its message was too large or unreadable' };
}

/** Gives every call its record, finds out who calls and whether they may, and reports its end. */
export function callInterceptor({ calls, logs, logger, authenticate }: CallInterceptorOptions): ServerInterceptor {
  return (method, call) => {
    const startedAt = performance.now();
    let record: CallRecord | undefined;
    let key = '';
    let span: ServerSpan | undefined;
    let received = false;
    let ended = false;

    const end = (code: number, detail?: string): void => {
      if (ended) return;
      ended = true;
      calls.close(key);
      span?.end(code);
      for (const log of logs) log.ended(record ?? { path: method.path, peer: call.getPeer(), startedAt }, code, detail);
    };

    /** Who calls; undefined where nobody is asked. */
    const admit = (metadata: Metadata): NonNullable<ReturnType<Authenticate>> | undefined => {
      if (authenticate === undefined || accessOf(method.path)?.kind === 'open') return undefined;
      return authenticate({ authorization: first(metadata, 'authorization'), certificate: () => call.getAuthContext().sslPeerCertificate }, logger);
    };

    const refuse = (error: unknown): void => {
      const known = isDomainError(error) ? error : new DomainError('INTERNAL', `internal error; request id ${record?.requestId ?? ''}`, { cause: error });
      if (known.kind === 'INTERNAL') logger.error({ err: error, requestId: record?.requestId }, 'unexpected error');
      const { code, message, details } = encodeDomainError(known);
      const metadata = new Metadata();
      metadata.set(STATUS_DETAILS_KEY, Buffer.from(details));
      if (record !== undefined) record.reason = known.reason;
      end(code);
      // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- two enums of the same numbers
      call.sendStatus({ code, details: message, metadata });
    };

    return new ServerInterceptingCall(call, {
      start: (next) => {
        const listener = new ServerListenerBuilder()
          .withOnReceiveMetadata((metadata, nextMetadata) => {
            span = startServerSpan(method.path, first(metadata, TRACEPARENT_KEY), call.getPeer());
            const opened: CallRecord = {
              path: method.path,
              peer: call.getPeer(),
              requestId: acceptRequestId(first(metadata, REQUEST_ID_KEY)),
              trace: span.trace,
              activate: span.activate,
              startedAt,
            };
            record = opened;
            for (const log of logs) log.started?.(method.path);
            key = calls.open(opened);
            const goOn = (caller: Awaited<ReturnType<Authenticate>> | undefined): void => {
              if (caller !== undefined) {
                opened.caller = caller;
                opened.access = authorizeMethod(method.path, caller);
              }
              metadata.set(CALL_KEY, key);
              nextMetadata(metadata);
            };
            try {
              const admitted = admit(metadata);
              if (admitted instanceof Promise) admitted.then(goOn).catch(refuse);
              else goOn(admitted);
            } catch (error) {
              refuse(error);
            }
          })
          .withOnReceiveMessage((message: unknown, nextMessage) => {
            received = true;
            nextMessage(message);
          })
          .withOnCancel(() => {
            const { code, detail } = withoutStatus(call.getDeadline(), received);
            end(code, detail);
          })
          .build();
        next(listener);
      },
      sendStatus: (status, next) => {
        end(status.code);
        next(status);
      },
    });
  };
}
