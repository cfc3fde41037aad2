import { context, isSpanContextValid, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type SpanContext } from '@opentelemetry/api';
import { formatTraceparent, parseTraceparent, type Trace } from './trace-context.ts';

const TRACER = '@nat/base/tracing';

export interface SpanSettings {
  /** @default INTERNAL */
  readonly kind?: SpanKind;
  /** The `traceparent` of the span before it, where that was elsewhere or earlier; one that is empty or malformed begins a trace. @default the span that is active */
  readonly parent?: string | undefined;
  readonly attributes?: Readonly<Record<string, string | number>>;
  /** The `traceparent`s of spans of other traces that it has to do with. */
  readonly links?: readonly string[];
}

/** A span that has begun. */
export interface OpenSpan {
  /** Undefined where no SDK gave it ids. */
  readonly trace: Trace | undefined;
  /** What its children, wherever they are, take as `parent`; that of its own parent where it has no ids; undefined where there is none either. */
  readonly traceparent: string | undefined;
  /** Runs work while it is active. */
  readonly activate: <Result>(work: () => Result) => Result;
  /** @param error what it failed with, as `error.type` */
  readonly end: (attributes?: Readonly<Record<string, string | number>>, error?: string) => void;
}

/** The context that a `traceparent` names, as a parent that lives elsewhere. */
function contextOf(parent: string | undefined): Context {
  if (parent === undefined) return context.active();
  const named = spanContextOf(parent);
  return named === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, named);
}

function spanContextOf(traceparent: string): SpanContext | undefined {
  const named = parseTraceparent(traceparent);
  return named === undefined ? undefined : { traceId: named.traceId, spanId: named.spanId, traceFlags: parseInt(named.flags, 16), isRemote: true };
}

/** Begins a span that is not active yet. Without an SDK it has no ids and is nowhere. */
export function startSpan(name: string, { kind = SpanKind.INTERNAL, parent, attributes = {}, links = [] }: SpanSettings = {}): OpenSpan {
  const above = contextOf(parent);
  const linked = links.flatMap((link) => {
    const named = spanContextOf(link);
    return named === undefined ? [] : [{ context: named }];
  });
  const span = trace.getTracer(TRACER).startSpan(name, { kind, attributes, links: linked }, above);
  const own = span.spanContext();
  const flags = own.traceFlags.toString(16).padStart(2, '0');
  const parentSpanId = trace.getSpanContext(above)?.spanId;
  const valid = isSpanContextValid(own);
  // Without an SDK a span is its parent under another name.
  const recorded = valid && own.spanId !== parentSpanId;
  return {
    trace: recorded ? { traceId: own.traceId, spanId: own.spanId, flags, ...(parentSpanId === undefined ? {} : { parentSpanId }) } : undefined,
    traceparent: valid ? formatTraceparent({ traceId: own.traceId, spanId: own.spanId, flags }) : undefined,
    activate: (work) => context.with(trace.setSpan(above, span), work),
    end: (added = {}, error) => {
      span.setAttributes(added);
      if (error !== undefined) {
        span.setAttribute('error.type', error);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
}

/** Runs work under a span, which ends with it; what it throws is noted by name and thrown on. Without an SDK it only runs the work. */
export async function withSpan<Result>(name: string, settings: SpanSettings, work: (span: OpenSpan) => Promise<Result>): Promise<Result> {
  const span = startSpan(name, settings);
  try {
    const result = await span.activate(() => work(span));
    span.end();
    return result;
  } catch (error) {
    span.end({}, error instanceof Error ? error.name : 'Error');
    throw error;
  }
}

/** Runs work under no span: what begins in it begins a trace. For what one does for many. */
export function outsideSpans<Result>(work: () => Result): Result {
  return context.with(ROOT_CONTEXT, work);
}
