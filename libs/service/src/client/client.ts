/** Clients of the platform's services: deadlines, retries of what may be repeated, and errors as domain errors. */
import { DomainError, isRepeatable, toDomainError } from '@nat/base/errors';
import { retry } from '@nat/base/retry';
import {
  ClientError,
  createChannel,
  createClientFactory,
  Metadata,
  Status,
  waitForChannelReady,
  type Client,
  type ClientMiddleware,
  type TsProtoServiceDefinition,
} from 'nice-grpc';
import type { Registry } from 'prom-client';
import { TRACEPARENT_KEY } from '../wire/call-headers.ts';
import { startClientSpan } from '../observability/call-spans.ts';
import { createCallMetrics } from '../observability/call-metrics.ts';
import type { Logger } from '../observability/logger.ts';
import { LONGEST_REQUEST_BYTES } from '../wire/request-limits.ts';
import { clientCredentials, isLoopback, type ClientTlsFiles } from '../security/tls.ts';
import { decodeClientError } from '../wire/wire-errors.ts';

/** What each call may set besides nice-grpc's own options. */
export interface CallSettings {
  /** Milliseconds for the whole call, retries included; sent to the server too. @default 30 s for unary calls, none for streams */
  readonly deadlineMs?: number;
  /** Overrides whether the call may be repeated. @default true for reads and for requests with a `requestId`, else false */
  readonly retry?: boolean;
}

export interface ClientChannelOptions {
  /** TLS. @default plain text, for loopback */
  readonly tls?: ClientTlsFiles;
  /** Sent as `authorization: Bearer` with calls that carry no credentials of their own; refused in plain text beyond loopback. A function is asked each time. */
  readonly token?: string | ((logger?: Logger) => string);
  /** Bytes of one message, either way. @default those of the longest request, 65 MiB */
  readonly maxMessageBytes?: number;
  /** Attempts in all. @default 5 */
  readonly maxAttempts?: number;
  /** A connection that other channels of this process to the same address do not share. @default false */
  readonly ownConnection?: boolean;
  /** Bound of the first pause; it doubles with each attempt, up to 2 s. @default 100 ms */
  readonly baseDelayMs?: number;
  readonly logger?: Logger;
  /** Where calls are counted and timed. @default nowhere */
  readonly metrics?: Registry;
  /** Uniform in [0, 1): the jitter. @default Math.random */
  readonly random?: () => number;
}

export interface ClientChannel {
  readonly address: string;
  /** Cheap: clients share the channel. `defaults` hold for each call of this client. */
  readonly client: <Definition extends TsProtoServiceDefinition>(definition: Definition, defaults?: CallSettings) => Client<Definition, CallSettings>;
  /** Resolves once connected; throws UNAVAILABLE after `timeoutMs`. */
  readonly waitUntilReady: (timeoutMs: number) => Promise<void>;
  readonly close: () => void;
}

const MAX_DELAY_MS = 2_000;
const UNARY_DEADLINE_MS = 30_000;

/** Methods that only read or only compute: AIP names them by these verbs. */
const READS = /\/(Get|List|BatchGet|Query|Compute|Validate|Diff|Export|Check|Transform|BatchTransform)[A-Z]\w*$/;

/** Has a span for each attempt, and sends its trace context along. */
function traced(address: string): ClientMiddleware {
  return async function* withSpan(call, options) {
    const metadata = Metadata(options.metadata);
    const span = startClientSpan(call.method.path, metadata.get(TRACEPARENT_KEY), address);
    if (span.traceparent !== undefined) metadata.set(TRACEPARENT_KEY, span.traceparent);
    let code: number = Status.OK;
    try {
      return yield* call.next(call.request, { ...options, metadata });
    } catch (error) {
      code = error instanceof ClientError ? error.code : Status.CANCELLED;
      throw error;
    } finally {
      span.end(code);
    }
  };
}

/** Counts attempts, and how each ended. */
function measured(registry: Registry): ClientMiddleware {
  const metrics = createCallMetrics(registry, 'client');
  return async function* measure(call, options) {
    const { path } = call.method;
    const startedAt = performance.now();
    let code: number = Status.OK;
    metrics.started(path);
    try {
      return yield* call.next(call.request, options);
    } catch (error) {
      code = error instanceof ClientError ? error.code : Status.CANCELLED;
      throw error;
    } finally {
      metrics.ended({ path, peer: '', startedAt }, code);
    }
  };
}

/** Turns gRPC errors into domain errors, with the details of the trailer. */
const domainErrors: ClientMiddleware = async function* domainErrors(call, options) {
  let trailer: Metadata | undefined;
  const onTrailer = (received: Metadata): void => {
    trailer = received;
    options.onTrailer?.(received);
  };
  try {
    return yield* call.next(call.request, { ...options, onTrailer });
  } catch (error) {
    throw error instanceof ClientError ? decodeClientError(error, trailer) : error;
  }
};

const carriesRequestId = (request: unknown): boolean =>
  typeof request === 'object' && request !== null && 'requestId' in request && typeof request.requestId === 'string' && request.requestId !== '';

function retries({ maxAttempts = 5, baseDelayMs = 100, random = Math.random, logger }: ClientChannelOptions): ClientMiddleware<CallSettings> {
  return async function* withRetries(call, options) {
    const { retry: wanted, ...rest } = options;
    const { path, options: declared } = call.method;
    const repeatable = wanted ?? (declared.idempotencyLevel !== undefined || READS.test(path) || carriesRequestId(call.request));
    if (call.requestStream || call.responseStream || !repeatable) return yield* call.next(call.request, rest);
    const policy = { initialIntervalMs: baseDelayMs, maximumIntervalMs: MAX_DELAY_MS, maximumAttempts: maxAttempts };
    return await retry(policy, () => responseOf(call.next(call.request, rest)), {
      retryable: (error) => isRepeatable(error) && rest.signal?.aborted !== true,
      random,
      signal: rest.signal,
      onRetry: ({ error, attempt, pauseMs }) => {
        logger?.debug({ method: path, attempt, pauseMs, kind: toDomainError(error).kind }, 'trying again');
      },
    });
  };
}

/** What a unary call returns: the generator yields nothing before. */
async function responseOf<Response>(call: AsyncGenerator<unknown, Response, undefined>): Promise<Response> {
  for (;;) {
    const step = await call.next();
    if (step.done === true) return step.value;
  }
}

/** Sends the deadline along (`grpc-timeout`), so that the server stops too, and ends the call here when it passes. */
const deadlines: ClientMiddleware<CallSettings> = async function* deadlines(call, options) {
  const { deadlineMs = call.requestStream || call.responseStream ? undefined : UNARY_DEADLINE_MS, ...rest } = options;
  if (deadlineMs === undefined || deadlineMs === Infinity) return yield* call.next(call.request, rest);
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort();
  }, deadlineMs);
  const signal = rest.signal === undefined ? controller.signal : AbortSignal.any([rest.signal, controller.signal]);
  const metadata = Metadata(rest.metadata).set('grpc-timeout', `${String(Math.max(1, Math.ceil(deadlineMs)))}m`);
  try {
    return yield* call.next(call.request, { ...rest, signal, metadata });
  } catch (error) {
    if (!controller.signal.aborted || rest.signal?.aborted === true) throw error;
    throw new DomainError('DEADLINE_EXCEEDED', `${call.method.path} took more than ${String(deadlineMs)} ms`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
};

function bearer(token: NonNullable<ClientChannelOptions['token']>, logger: Logger | undefined): ClientMiddleware {
  return async function* withToken(call, options) {
    const metadata = Metadata(options.metadata);
    if (!metadata.has('authorization')) metadata.set('authorization', `Bearer ${typeof token === 'string' ? token : token(logger)}`);
    return yield* call.next(call.request, { ...options, metadata });
  };
}

/** Nobody's token crosses a network in plain text: neither the channel's own nor one that a call brings along. */
function requireProtected(address: string): ClientMiddleware {
  return async function* withoutToken(call, options) {
    if (Metadata(options.metadata).has('authorization')) throw unprotected(address);
    return yield* call.next(call.request, options);
  };
}

const unprotected = (address: string): DomainError =>
  new DomainError('FAILED_PRECONDITION', `refusing to send a token to ${address} in plain text: configure TLS`, { reason: 'UNPROTECTED_ADDRESS' });

/** The host of `host:port`, `[v6]:port` or `unix:...`. */
const hostOf = (address: string): string => (address.startsWith('unix:') ? address : address.replace(/:\d+$/, ''));

/** An IPv4 address and its port. */
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}:\d+$/;

/** What grpc-js calls it. A list has its own scheme, which takes IPv4 addresses only. */
function targetOf(address: string): string {
  const replicas = address.split(',');
  if (replicas.length === 1) return address;
  const wrong = replicas.filter((replica) => !IPV4.test(replica));
  if (wrong.length === 0) return `ipv4:${address}`;
  throw new DomainError(
    'FAILED_PRECONDITION',
    `a list of replicas holds IPv4 addresses with a port each, not ${wrong.join(', ')}; a name that has several: dns:///NAME:PORT`,
    {
      reason: 'BAD_ADDRESS',
    },
  );
}

/** Calls take turns over the replicas that are connected. */
const ROUND_ROBIN = JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] });

/**
 * A channel to `host:port`, to `dns:///name:port` with all its addresses, or to a comma-separated list of replicas. It connects by itself when it is
 * used, and again after it was cut.
 */
export function createChannelTo(address: string, options: ClientChannelOptions = {}): ClientChannel {
  const { tls, token, maxMessageBytes = LONGEST_REQUEST_BYTES } = options;
  const loopback = address.split(',').every((replica) => isLoopback(hostOf(replica)));
  const exposed = tls === undefined && !loopback;
  if (token !== undefined && exposed) throw unprotected(address);
  const channel = createChannel(targetOf(address), clientCredentials(tls, options.logger), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
    'grpc.service_config': ROUND_ROBIN,
    // A peer that stands still, or a network that drops, is noticed within 15 s.
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5_000,
    'grpc.enable_channelz': 0,
    // Retries are ours: grpc-js's own transparent ones know nothing of idempotency.
    'grpc.enable_retries': 0,
    ...(options.ownConnection === true ? { 'grpc.use_local_subchannel_pool': 1 } : {}),
    ...(loopback ? { 'grpc.enable_http_proxy': 0 } : {}),
    ...(tls?.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName, 'grpc.default_authority': tls.serverName }),
  });
  let factory = createClientFactory().use(traced(address));
  if (options.metrics !== undefined) factory = factory.use(measured(options.metrics));
  factory = factory.use(domainErrors);
  if (exposed) factory = factory.use(requireProtected(address));
  if (token !== undefined) factory = factory.use(bearer(token, options.logger));
  const withRetries = factory.use(retries(options)).use(deadlines);
  return {
    address,
    client: (definition, defaults = {}) => withRetries.create(definition, channel, { '*': defaults }),
    waitUntilReady: async (timeoutMs) => {
      try {
        await waitForChannelReady(channel, new Date(Date.now() + timeoutMs));
      } catch (error) {
        throw new DomainError('UNAVAILABLE', `${address} did not answer within ${String(timeoutMs)} ms`, { cause: error });
      }
    },
    close: () => {
      channel.close();
    },
  };
}
