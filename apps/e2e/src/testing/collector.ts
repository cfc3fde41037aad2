import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NatCommand } from './nat.ts';
import type { RunningProcess } from './processes.ts';

/** A span as the collector got it. */
export interface CollectedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly id: string;
  /** Empty where the trace begins. */
  readonly parentId: string;
  readonly name: string;
  /** `Server`, `Client`, `Internal`, `Producer`, `Consumer`. */
  readonly kind: string;
}

/** Starts a collector that takes OTLP over HTTP on a port and writes every span to its standard output. */
export async function startCollector(program: string, nat: NatCommand, port: number): Promise<{ readonly process: RunningProcess; readonly endpoint: string }> {
  const folder = nat.freshHome('collector');
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'config.yaml');
  const settings = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { debug: { verbosity: 'detailed', use_internal_logger: false } },
    service: { telemetry: { metrics: { level: 'none' } }, pipelines: { traces: { receivers: ['otlp'], exporters: ['debug'] } } },
  };
  writeFileSync(config, JSON.stringify(settings)); // JSON is YAML
  const running = nat.processes.start(program, ['--config', config]);
  await running.logLine((line) => line.includes('Everything is ready'));
  return { process: running, endpoint: `http://127.0.0.1:${port}` };
}

/** The spans in what a collector wrote. */
export function readSpans(output: string): readonly CollectedSpan[] {
  return output.split(/^ResourceSpans #\d+$/m).flatMap((resource) => {
    const service = /service\.name: Str\((.*)\)/.exec(resource)?.[1] ?? '';
    return resource
      .split(/^Span #\d+$/m)
      .slice(1)
      .map((text) => {
        const field = (name: string): string => new RegExp(`^\\s+${name}\\s*:[ \\t]*(.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
        return { service, traceId: field('Trace ID'), id: field('ID'), parentId: field('Parent ID'), name: field('Name'), kind: field('Kind') };
      });
  });
}
