/** Spans of messages, by OpenTelemetry's conventions for messaging: one a message, in the trace of the work that published it. */
import { SpanKind, startSpan, type OpenSpan } from '@nat/base/tracing';
import type { ReceivedMessage } from './stream.ts';

type Batch<Value> = readonly ReceivedMessage<Value>[];

/** Runs work between the beginning and the end of the spans of a batch. Messages without a trace have none. */
async function between<Value>(
  name: string,
  kind: SpanKind,
  attributes: Readonly<Record<string, string>>,
  batch: Batch<Value>,
  work: (batch: Batch<Value>) => Promise<void>,
): Promise<void> {
  const spans: OpenSpan[] = [];
  const within = batch.map((message) => {
    if (message.traceparent === undefined) return message;
    const span = startSpan(name, { kind, parent: message.traceparent, attributes: { ...attributes, 'messaging.message.id': message.id } });
    spans.push(span);
    return { ...message, traceparent: span.traceparent };
  });
  let error: string | undefined;
  try {
    await work(within);
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.name : 'Error';
    throw thrown;
  } finally {
    for (const span of spans) span.end({}, error);
  }
}

/** Sends messages to Kafka, each with the trace context of its own span. */
export function publishing<Value>(topic: string, batch: Batch<Value>, send: (batch: Batch<Value>) => Promise<void>): Promise<void> {
  const attributes = { 'messaging.system': 'kafka', 'messaging.destination.name': topic, 'messaging.operation.type': 'send' };
  return between(`send ${topic}`, SpanKind.PRODUCER, attributes, batch, send);
}

/** Handles messages that came in; what the handler gets has the trace contexts of their spans. */
export function consuming<Value>(
  options: { readonly topic: string; readonly group: string },
  batch: Batch<Value>,
  handle: (batch: Batch<Value>) => Promise<void>,
): Promise<void> {
  const { topic, group } = options;
  const attributes = { 'messaging.destination.name': topic, 'messaging.consumer.group.name': group, 'messaging.operation.type': 'process' };
  return between(`process ${topic}`, SpanKind.CONSUMER, attributes, batch, handle);
}
