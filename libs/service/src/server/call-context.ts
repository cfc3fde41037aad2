import { formatTraceparent, type Trace } from '@nat/base/tracing';
import { Metadata, type CallContext, type CallOptions } from 'nice-grpc-common';
import type { Logger } from '../observability/logger.ts';
import { REQUEST_ID_KEY, TRACEPARENT_KEY } from '../wire/call-headers.ts';

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

/** Call options that carry on a handler's request id, trace and cancellation into a call it makes itself. */
export function continueCall(context: Pick<ServiceCallContext, 'requestId' | 'trace' | 'signal'>): CallOptions {
  const metadata = Metadata({ [REQUEST_ID_KEY]: context.requestId, [TRACEPARENT_KEY]: formatTraceparent(context.trace) });
  return { metadata, signal: context.signal };
}
