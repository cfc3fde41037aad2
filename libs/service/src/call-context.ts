import { randomBytes, randomUUID } from 'node:crypto';
import { Metadata, type CallContext, type CallOptions } from 'nice-grpc-common';
import type { Logger } from './logger.ts';

export const REQUEST_ID_KEY = 'x-request-id';
export const TRACEPARENT_KEY = 'traceparent';

/** W3C trace context, level 1. */
export interface Trace {
  /** 32 lower-case hex digits, the same across all services of one request. */
  readonly traceId: string;
  /** 16 lower-case hex digits: this call. */
  readonly spanId: string;
  /** The caller's span; absent where the trace starts here. */
  readonly parentSpanId?: string;
  /** 2 hex digits; bit 0: sampled. */
  readonly flags: string;
}

/** What the kit adds to every call's context. */
export interface ServiceContext {
  /** The caller's `x-request-id`, or a new one; sent back in the response header. */
  readonly requestId: string;
  readonly trace: Trace;
  /** Writes request and trace ids with every line. */
  readonly logger: Logger;
  /** Aborts when the server starts to drain: a long poll answers early. Streams are ended by the kit itself. */
  readonly draining: AbortSignal;
}

/** The full type of a handler's second argument. */
export type ServiceCallContext = CallContext & ServiceContext;

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const VERSION_FF = /^ff-/;
const ZEROS = /^0+$/;
const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** The span a `traceparent` header names; undefined when it is absent or malformed. */
export function parseTraceparent(header: string | undefined): Trace | undefined {
  const match = header === undefined || VERSION_FF.test(header) ? null : TRACEPARENT.exec(header);
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined || ZEROS.test(traceId) || ZEROS.test(spanId)) return undefined;
  return { traceId, spanId, flags };
}

/** A new span of the trace in the header, or of a new trace when there is none. */
export function continueTrace(header: string | undefined): Trace {
  const parent = parseTraceparent(header);
  const spanId = randomBytes(8).toString('hex');
  if (parent === undefined) return { traceId: randomBytes(16).toString('hex'), spanId, flags: '01' };
  return { traceId: parent.traceId, spanId, parentSpanId: parent.spanId, flags: parent.flags };
}

export function formatTraceparent({ traceId, spanId, flags }: Trace): string {
  return `00-${traceId}-${spanId}-${flags}`;
}

/** The id as sent when it is 1 to 128 visible ASCII characters, else a new UUID. */
export function acceptRequestId(header: string | undefined): string {
  return header !== undefined && REQUEST_ID.test(header) ? header : randomUUID();
}

/** Call options that carry on a handler's request id, trace and cancellation into a call it makes itself. */
export function continueCall(context: Pick<ServiceCallContext, 'requestId' | 'trace' | 'signal'>): CallOptions {
  const metadata = Metadata({ [REQUEST_ID_KEY]: context.requestId, [TRACEPARENT_KEY]: formatTraceparent(context.trace) });
  return { metadata, signal: context.signal };
}
