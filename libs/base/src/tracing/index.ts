export { SpanKind } from '@opentelemetry/api';
export { outsideSpans, startSpan, withSpan, type OpenSpan, type SpanSettings } from './span.ts';
export { startTracing } from './start-tracing.ts';
export { continueTrace, formatTraceparent, type Trace } from './trace-context.ts';
