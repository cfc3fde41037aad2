import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, diag, trace } from '@opentelemetry/api';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startSpan, withSpan } from './span.ts';
import { startTracing } from './start-tracing.ts';

describe('tracing of a process', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.close();
    vi.unstubAllEnvs();
    trace.disable();
    context.disable();
    diag.disable();
  });

  it('is off without an endpoint, and where it is disabled', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', ' ');
    const stops = [await startTracing('policy', () => undefined)];
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:9');
    vi.stubEnv('OTEL_SDK_DISABLED', 'true');
    stops.push(await startTracing('policy', () => undefined));
    expect(startSpan('nowhere').trace).toBeUndefined();
    for (const stop of stops) await stop();
  });

  it('sends spans to the endpoint, under the names that its variables give', async () => {
    const bodies: { readonly path: string | undefined; readonly text: string }[] = [];
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.push({ path: request.url, text: Buffer.concat(chunks).toString('latin1') });
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'deployment.environment.name=staging');
    vi.stubEnv('OTEL_TRACES_SAMPLER', 'parentbased_traceidratio');
    vi.stubEnv('OTEL_TRACES_SAMPLER_ARG', '0');
    const problems: string[] = [];
    const stop = await startTracing('policy', (text) => problems.push(text));
    await withSpan('of-a-kept-trace', { parent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }, () => Promise.resolve());
    await withSpan('of-another', {}, () => Promise.resolve());
    await stop();
    expect(problems).toEqual([]);
    expect(bodies.map(({ path }) => path)).toEqual(['/v1/traces']);
    for (const word of ['policy', 'of-a-kept-trace', 'staging']) expect(bodies[0]!.text).toContain(word);
    expect(bodies[0]!.text).not.toContain('of-another');
  });

  it('tells of a collector that is not there, and ends all the same', async () => {
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:9');
    vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '300');
    const problems: string[] = [];
    const stop = await startTracing('policy', (text) => problems.push(text));
    await withSpan('lost', {}, () => Promise.resolve());
    await stop();
    expect(problems.join('\n')).toContain('ECONNREFUSED');
  });
});
