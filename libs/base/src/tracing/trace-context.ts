import { randomBytes } from 'node:crypto';

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

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const VERSION_FF = /^ff-/;
const ZEROS = /^0+$/;

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

export function formatTraceparent({ traceId, spanId, flags }: Pick<Trace, 'traceId' | 'spanId' | 'flags'>): string {
  return `00-${traceId}-${spanId}-${flags}`;
}
