import { describe, expect, it } from 'vitest';
import { continueTrace, formatTraceparent, parseTraceparent } from './trace-context.ts';

describe('traces', () => {
  it('are read and written as W3C says', () => {
    const header = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';
    expect(continueTrace(header)).toMatchObject({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', parentSpanId: '00f067aa0ba902b7', flags: '00' });
    expect(parseTraceparent(formatTraceparent(continueTrace(header)))?.traceId).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
    const malformed = [undefined, '', header.toUpperCase(), `ff${header.slice(2)}`, header.slice(0, -1), `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`];
    for (const bad of malformed) expect(parseTraceparent(bad), bad).toBeUndefined();
    expect(parseTraceparent(`01${header.slice(2)}-later`)).toBeDefined();
  });
});
