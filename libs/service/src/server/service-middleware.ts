/** What stands between the wire and a handler: ids, validation, authorization, draining, and errors on the way back. */
import { isDomainError, DomainError } from '@nat/base/errors';
import { isAbortError } from 'abort-controller-x';
import { ServerError, type CallContext, type ServerMiddleware, type ServerMiddlewareCall } from 'nice-grpc-common';
import { REQUEST_ID_KEY } from '../wire/call-headers.ts';
import type { ServiceContext } from './call-context.ts';
import { CALL_KEY, type CallRecord, type OpenCalls } from './open-calls.ts';
import type { Logger } from '../observability/logger.ts';
import { authorizeRequest, resourceNamesIn } from '../security/authorization.ts';
import type { PendingRequests } from './pending-requests.ts';
import { encodeDomainError, STATUS_DETAILS_KEY } from '../wire/wire-errors.ts';

/** What decoding found wrong, by the message it gave; see `checkedDefinition`. */
export type DecodeFindings = WeakMap<object, DomainError>;

export interface MiddlewareOptions {
  readonly logger: Logger;
  readonly calls: OpenCalls;
  readonly findings: DecodeFindings;
  readonly draining: AbortSignal;
  readonly pending: PendingRequests;
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

/** How many values of a request are looked at for the names that the audit log tells. */
const NAMES_LOOKED_AT = 256;

/** Throws for a message that breaks the contract, or is about what its caller may not touch. */
function admit(findings: DecodeFindings, record: CallRecord, message: unknown, first: boolean): void {
  const finding = typeof message === 'object' && message !== null ? findings.get(message) : undefined;
  if (finding !== undefined) throw finding;
  if (first) record.resources = resourceNamesIn(message, NAMES_LOOKED_AT);
  if (record.caller !== undefined && record.access !== undefined) authorizeRequest(message, record.access, record.caller, first);
}

async function* admitEach<Message>(findings: DecodeFindings, record: CallRecord, messages: AsyncIterable<Message>): AsyncIterable<Message> {
  let first = true;
  for await (const message of messages) {
    admit(findings, record, message, first);
    first = false;
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

/** Runs every step of a handler under the span of its call, so that the calls it makes are below it. */
async function* under<Response>({ activate }: CallRecord, responses: Responses<Response>): Responses<Response> {
  if (activate === undefined) return yield* responses;
  try {
    for (;;) {
      const step = await activate(() => responses.next());
      if (step.done === true) return step.value;
      yield step.value;
    }
  } finally {
    await responses.return(undefined);
  }
}

async function* handle<Request, Response>(
  call: ServerMiddlewareCall<Request, Response, ServiceContext>,
  context: CallContext & ServiceContext,
  findings: DecodeFindings,
  record: CallRecord,
  pending: PendingRequests,
): Responses<Response> {
  if (!call.responseStream) {
    if (!call.requestStream) {
      admit(findings, record, call.request, true);
      const leave = pending.enter(call.request);
      try {
        return yield* under(record, call.next(call.request, context));
      } finally {
        leave();
      }
    }
    return yield* under(record, call.next(admitEach(findings, record, call.request), context));
  }
  const streaming = { ...context, signal: AbortSignal.any([context.signal, context.draining]) };
  if (!call.requestStream) {
    admit(findings, record, call.request, true);
    return yield* until(context.draining, under(record, call.next(call.request, streaming)));
  }
  return yield* until(context.draining, under(record, call.next(admitEach(findings, record, call.request), streaming)));
}

/** The one middleware of every service. */
export function serviceMiddleware({ logger, calls, findings, draining, pending }: MiddlewareOptions): ServerMiddleware<ServiceContext> {
  return async function* middleware<Request, Response>(call: ServerMiddlewareCall<Request, Response, ServiceContext>, context: CallContext) {
    const record = calls.find(context.metadata.get(CALL_KEY));
    context.metadata.delete(CALL_KEY);
    const { requestId, trace } = record;
    const callLogger = logger.child({ requestId, traceId: trace.traceId, spanId: trace.spanId });
    const extended = { ...context, requestId, trace, draining, logger: callLogger };
    context.header.set(REQUEST_ID_KEY, requestId);
    try {
      return yield* handle(call, extended, findings, record, pending);
    } catch (error) {
      if (isDomainError(error)) record.reason = error.reason;
      throw toServerError(error, extended);
    }
  };
}
