/** Spans of calls, by OpenTelemetry's conventions for gRPC. Without an SDK they are nowhere, and trace ids cross services all the same. */
import { continueTrace, SpanKind, startSpan, type OpenSpan, type Trace } from '@nat/base/tracing';
import { Status } from 'nice-grpc-common';
import { accessOf } from '../security/method-access.ts';
import { statusName } from '../wire/status.ts';

const OK: number = Status.OK;
/** What the conventions count as a server's own errors; a client's is any that is not OK. */
const SERVER_ERRORS: ReadonlySet<number> = new Set([
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.UNIMPLEMENTED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
  Status.DATA_LOSS,
]);

/** A call as its server sees it. */
export interface ServerSpan {
  /** What calls that go on with it carry: its own ids, where an SDK gave it some, else new ones. */
  readonly trace: Trace;
  /** Runs a step of the handler under the span; absent where there is none. */
  readonly activate?: OpenSpan['activate'];
  readonly end: (code: number) => void;
}

/** An attempt of a call as its client sees it. */
interface ClientSpan {
  /** The header to send; absent where no trace goes on. */
  readonly traceparent: string | undefined;
  readonly end: (code: number) => void;
}

function settingsOf(path: string): { readonly name: string; readonly attributes: Record<string, string> } {
  const [, service = '', method = ''] = path.split('/');
  return { name: `${service}/${method}`, attributes: { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method } };
}

function endSpan(span: OpenSpan, code: number, failed: boolean): void {
  span.end({ 'rpc.grpc.status_code': code }, failed ? statusName(code) : undefined);
}

/** The span of a call that came in, in the trace of its caller. Probes and reflection have none. */
export function startServerSpan(path: string, header: string | undefined, peer: string): ServerSpan {
  const access = accessOf(path)?.kind;
  if (access === undefined || access === 'open' || access === 'authenticated') return { trace: continueTrace(header), end: () => undefined };
  const { name, attributes } = settingsOf(path);
  // A call without a header begins a trace, whatever is active where the connection was opened.
  const span = startSpan(name, {
    kind: SpanKind.SERVER,
    parent: header ?? '',
    attributes: { ...attributes, 'network.peer.address': peer.replace(/:\d+$/, '') },
  });
  return {
    trace: span.trace ?? continueTrace(header),
    ...(span.trace === undefined ? {} : { activate: span.activate }),
    end: (code) => {
      endSpan(span, code, SERVER_ERRORS.has(code));
    },
  };
}

/** The span of an attempt of a call that goes out, in the trace that its header names, or that is active, or in a new one. */
export function startClientSpan(path: string, header: string | undefined, address: string): ClientSpan {
  const { name, attributes } = settingsOf(path);
  const span = startSpan(name, { kind: SpanKind.CLIENT, parent: header, attributes: { ...attributes, 'server.address': address } });
  return {
    traceparent: span.traceparent,
    end: (code) => {
      endSpan(span, code, code !== OK);
    },
  };
}
