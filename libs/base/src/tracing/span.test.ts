import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterEach, describe, expect, it } from 'vitest';
import { outsideSpans, startSpan, withSpan } from './span.ts';
import { parseTraceparent } from './trace-context.ts';

const HEADER = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('spans', () => {
  afterEach(() => {
    trace.disable();
    context.disable();
  });

  it('are children of what is active or named, in one trace, and note what failed', async () => {
    const exporter = new InMemorySpanExporter();
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    await withSpan('outer', { parent: HEADER }, async ({ trace: outer, traceparent }) => {
      expect(outer).toMatchObject({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', parentSpanId: '00f067aa0ba902b7', flags: '01' });
      expect(parseTraceparent(traceparent)?.spanId).toBe(outer?.spanId);
      await expect(withSpan('inner', {}, () => Promise.reject(new RangeError('no')))).rejects.toThrow('no');
      const elsewhere = startSpan('elsewhere', { parent: '', links: [HEADER, 'nonsense'] });
      expect(elsewhere.trace?.parentSpanId).toBeUndefined();
      expect(outsideSpans(() => startSpan('alone')).trace?.parentSpanId).toBeUndefined();
      expect(elsewhere.activate(() => startSpan('below')).trace?.parentSpanId).toBe(elsewhere.trace?.spanId);
      elsewhere.end({ count: 1 });
    });
    const [inner, elsewhere, outer] = exporter.getFinishedSpans();
    expect(inner).toMatchObject({
      name: 'inner',
      parentSpanContext: outer!.spanContext(),
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'RangeError' },
    });
    expect(elsewhere).toMatchObject({ name: 'elsewhere', parentSpanContext: undefined, attributes: { count: 1 } });
    expect(elsewhere!.links.map((link) => link.context.spanId)).toEqual(['00f067aa0ba902b7']);
  });

  it('hand on the trace they are given where there is no SDK', async () => {
    await withSpan('nowhere', { parent: HEADER }, (span) => {
      expect(span).toMatchObject({ trace: undefined, traceparent: HEADER });
      return Promise.resolve();
    });
    expect(startSpan('nowhere', { parent: '' }).traceparent).toBeUndefined();
  });
});
