import { setTimeout as sleep } from 'node:timers/promises';
import { diag, DiagLogLevel } from '@opentelemetry/api';

/** How long the last spans may take to leave, milliseconds: a collector that is gone keeps no process. */
const FLUSH_MS = 5_000;

/**
 * Exports spans as the `OTEL_` variables of this process say, where `OTEL_EXPORTER_OTLP_ENDPOINT` (or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) says where to; the
 * SDK is loaded only then.
 * @param service its `service.name`, unless `OTEL_SERVICE_NAME` gives another
 * @param onProblem told what the SDK warns of, such as a collector that does not answer; not where `OTEL_LOG_LEVEL` has the SDK print it
 * @returns what sends the last spans, and waits for that no longer than 5 s
 */
export async function startTracing(service: string, onProblem: (text: string) => void): Promise<() => Promise<void>> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = '', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ofTraces = '', OTEL_LOG_LEVEL: level = '' } = process.env;
  if (endpoint.trim() === '' && ofTraces.trim() === '') return () => Promise.resolve();
  const [{ NodeSDK }, { defaultResource, resourceFromAttributes }] = await Promise.all([import('@opentelemetry/sdk-node'), import('@opentelemetry/resources')]);
  if (level.trim() === '') {
    const tell = (...words: unknown[]): void => {
      onProblem(words.map(String).join(' '));
    };
    diag.setLogger({ error: tell, warn: tell, info: tell, debug: tell, verbose: tell }, DiagLogLevel.WARN);
  }
  const sdk = new NodeSDK({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': service, 'service.namespace': 'nat' })),
    // Prometheus scrapes the metrics, the log is on standard error, and trace context crosses processes by @nat/service and @nat/storage.
    metricReaders: [],
    logRecordProcessors: [],
    textMapPropagator: null,
  });
  sdk.start();
  return async () => {
    const flushed = sdk.shutdown().catch((error: unknown) => {
      onProblem(String(error));
    });
    await Promise.race([flushed, sleep(FLUSH_MS, undefined, { ref: false })]);
  };
}
