/** What stands between the wire and a handler: ids, credentials, validation, draining, and errors on the way back. */
import { isDomainError, DomainError } from '@nat/errors';
import { isAbortError } from 'abort-controller-x';
import { ServerError, type CallContext, type ServerMiddleware, type ServerMiddlewareCall } from 'nice-grpc-common';
import type { Authenticate } from './authentication.ts';
import { acceptRequestId, continueTrace, parseTraceparent, REQUEST_ID_KEY, TRACEPARENT_KEY, type ServiceContext } from './call-context.ts';
import type { Logger } from './logger.ts';
import { encodeDomainError, STATUS_DETAILS_KEY } from './wire-errors.ts';

/** What decoding found wrong, by the message it gave; see `checkedDefinition`. */
export type DecodeFindings = WeakMap<object, DomainError>;

export interface MiddlewareOptions {
  readonly logger: Logger;
  readonly authenticate?: Authenticate;
  readonly findings: DecodeFindings;
  readonly draining: AbortSignal;
}

/** nice-grpc's type of handlers: unary ones return their response, streaming ones yield theirs. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- as nice-grpc has it
type Responses<Response> = AsyncGenerator<Response, Response | void, undefined>;

const drained = (): DomainError => new DomainError('UNAVAILABLE', 'the server is shutting down', { reason: 'SERVER_DRAINING' });

/** A domain error for whatever was thrown. An unknown one becomes INTERNAL and says nothing of itself. */
function toSendable(error: unknown, context: CallContext & ServiceContext): DomainError {
  if (isDomainError(error)) {
    if (error.kind === 'INTERNAL' || error.kind === 'DATA_LOSS') context.logger.error({ err: error, cause: error.cause }, error.message);
    return error;
  }
  if (isAbortError(error) && context.draining.aborted) return drained();
  context.logger.error({ err: error }, 'unexpected error');
  return new DomainError('INTERNAL', `internal error; request id ${context.requestId}`, { cause: error });
}

function toServerError(error: unknown, context: CallContext & ServiceContext): unknown {
  // The call is over on the client's side: nothing is sent.
  if (isAbortError(error) && context.signal.aborted) return error;
  const { code, message, details } = encodeDomainError(toSendable(error, context));
  context.trailer.set(STATUS_DETAILS_KEY, details);
  return new ServerError(code, message);
}

function refuse(findings: DecodeFindings, message: unknown): void {
  const finding = typeof message === 'object' && message !== null ? findings.get(message) : undefined;
  if (finding !== undefined) throw finding;
}

async function* refuseEach<Message>(findings: DecodeFindings, messages: AsyncIterable<Message>): AsyncIterable<Message> {
  for await (const message of messages) {
    refuse(findings, message);
    yield message;
  }
}

/** Ends a stream of responses as soon as `signal` aborts, also while the handler waits for its next one. */
async function* until<Response>(signal: AbortSignal, responses: Responses<Response>): AsyncGenerator<Response, void, undefined> {
  // One promise a response and not one raced for all: a race would hold on to every response until the stream ends.
  let interrupt: ((error: DomainError) => void) | undefined;
  const onAbort = (): void => interrupt?.(drained());
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for (;;) {
      if (signal.aborted) throw drained();
      const result = await new Promise<Awaited<ReturnType<typeof responses.next>>>((resolve, reject) => {
        interrupt = reject;
        responses.next().then(resolve, reject);
      });
      if (result.done === true) return;
      yield result.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    // A generator at rest runs its clean-up now; one that waits runs it when its wait ends (its signal is aborted too).
    responses.return().catch(() => undefined);
  }
}

async function* handle<Request, Response>(
  call: ServerMiddlewareCall<Request, Response, ServiceContext>,
  context: CallContext & ServiceContext,
  findings: DecodeFindings,
): Responses<Response> {
  if (!call.responseStream) {
    if (!call.requestStream) {
      refuse(findings, call.request);
      return yield* call.next(call.request, context);
    }
    return yield* call.next(refuseEach(findings, call.request), context);
  }
  const streaming = { ...context, signal: AbortSignal.any([context.signal, context.draining]) };
  if (!call.requestStream) {
    refuse(findings, call.request);
    return yield* until(context.draining, call.next(call.request, streaming));
  }
  return yield* until(context.draining, call.next(refuseEach(findings, call.request), streaming));
}

/** The one middleware of every service. */
export function serviceMiddleware({ logger, authenticate, findings, draining }: MiddlewareOptions): ServerMiddleware<ServiceContext> {
  return async function* middleware<Request, Response>(call: ServerMiddlewareCall<Request, Response, ServiceContext>, context: CallContext) {
    const requestId = acceptRequestId(context.metadata.get(REQUEST_ID_KEY));
    const traceparent = context.metadata.get(TRACEPARENT_KEY);
    const trace = parseTraceparent(traceparent) ?? continueTrace(undefined);
    const callLogger = logger.child({ requestId, traceId: trace.traceId, spanId: trace.spanId });
    const extended = { ...context, requestId, trace, draining, logger: callLogger };
    context.header.set(REQUEST_ID_KEY, requestId);
    try {
      authenticate?.(call.method.path, context.metadata);
      return yield* handle(call, extended, findings);
    } catch (error) {
      throw toServerError(error, extended);
    }
  };
}
