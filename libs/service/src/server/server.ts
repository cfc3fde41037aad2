/** A gRPC server with everything a service of this platform has besides its handlers. */
import type { FileRegistry } from '@bufbuild/protobuf';
import { health as healthContract, reflection as reflectionContract } from '@nat/contracts';
import { DomainError, isDomainError } from '@nat/base/errors';
import { createServer as createNiceServer, type Server as NiceServer, type ServiceImplementation, type TsProtoServiceDefinition } from 'nice-grpc';
import type { Registry } from 'prom-client';
import type { ServiceContext } from './call-context.ts';
import { callInterceptor } from './call-interceptor.ts';
import { createCallLog, openAuditFile } from '../observability/call-log.ts';
import { createCallMetrics } from '../observability/call-metrics.ts';
import { OpenCalls } from './open-calls.ts';
import { createHealth } from './health.ts';
import type { Logger } from '../observability/logger.ts';
import type { MessageCodec } from '../wire/message-codec.ts';
import { requireProtection, type Protection } from './protection.ts';
import { PendingRequests } from './pending-requests.ts';
import { LONGEST_REQUEST_BYTES, requireRequestSize } from '../wire/request-limits.ts';
import { createReflection, REFLECTION_DEFINITIONS } from './reflection.ts';
import { createContractRegistry } from '../wire/contract-registry.ts';
import { createRequestValidator, type RequestValidator } from './request-validator.ts';
import { serviceMiddleware, type DecodeFindings } from './service-middleware.ts';
import { serverCredentials } from '../security/tls.ts';

/** A service definition with its handlers, as `bindService` makes it. */
export interface BoundService {
  readonly name: string;
  readonly definition: TsProtoServiceDefinition;
  readonly implementation: object;
}

/** Checks that the handlers fit the definition. */
export function bindService<Definition extends TsProtoServiceDefinition>(
  definition: Definition,
  implementation: ServiceImplementation<Definition, ServiceContext>,
): BoundService {
  return { name: definition.fullName, definition, implementation };
}

export interface MessageLimits {
  /** Bytes of one request message, of methods that are not in `request-limits.ts`; a larger one gets RESOURCE_EXHAUSTED. @default 4 MiB */
  readonly maxRequestBytes?: number;
  /** Bytes of one response message. @default 64 MiB */
  readonly maxResponseBytes?: number;
  /** Bytes of unary requests being answered together; more get UNAVAILABLE. @default 256 MiB */
  readonly maxPendingBytes?: number;
}

export interface ServerOptions extends Protection {
  readonly services: readonly BoundService[];
  readonly logger: Logger;
  /** Descriptors of the contracts. @default those of @nat/contracts */
  readonly registry?: FileRegistry;
  /** @default one made from the registry */
  readonly validator?: RequestValidator;
  readonly limits?: MessageLimits;
  /** Where calls are counted and timed. @default nowhere */
  readonly metrics?: Registry;
}

export interface ListenAddress {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface Server {
  /** Binds and serves; gives the port. Throws FAILED_PRECONDITION where TLS or authentication is missing beyond loopback. */
  readonly listen: (address: ListenAddress) => Promise<number>;
  readonly setServing: (service: string, serving: boolean) => void;
  /** Health says NOT_SERVING from now on; calls are still served. */
  readonly announceShutdown: () => void;
  /** Aborts once streams are ended: what long polls listen to. */
  readonly draining: AbortSignal;
  /** Ends streams, lets calls finish, and cuts what is left after `deadlineMs`. Gives false when something was cut. */
  readonly drain: (deadlineMs: number) => Promise<boolean>;
}

const MIB = 1024 * 1024;

/** `definition` with decoders that note, for the middleware, what is wrong with a request. They never throw: grpc-js would answer INTERNAL. */
function checkedDefinition(
  definition: TsProtoServiceDefinition,
  validator: RequestValidator,
  findings: DecodeFindings,
  pending: PendingRequests,
  maxRequestBytes: number | undefined,
): TsProtoServiceDefinition {
  const check = (method: TsProtoServiceDefinition['methods'][string]): TsProtoServiceDefinition['methods'][string] => {
    const requestType = method.requestType as MessageCodec<object>;
    const decode = (bytes: Uint8Array): object => {
      let message: object = {};
      let finding: DomainError | undefined;
      try {
        requireRequestSize(`/${definition.fullName}/${method.name}`, bytes.length, maxRequestBytes);
        const violations = validator.check(requestType.$type, bytes);
        if (violations.length > 0) finding = DomainError.invalidFields(violations);
        else message = requestType.decode(bytes);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        finding = isDomainError(error) ? error : new DomainError('INVALID_ARGUMENT', `the request cannot be read: ${why}`, { reason: 'MALFORMED_REQUEST' });
      }
      if (finding !== undefined) findings.set(message, finding);
      pending.measure(message, bytes.length);
      return message;
    };
    return { ...method, requestType: { ...method.requestType, decode } };
  };
  return { ...definition, methods: Object.fromEntries(Object.entries(definition.methods).map(([key, method]) => [key, check(method)])) };
}

/** Makes a server; nothing is bound before `listen`. */
export function createServer(options: ServerOptions): Server {
  const { services, logger, tls, authenticate, limits = {} } = options;
  const registry = options.registry ?? createContractRegistry();
  const validator = options.validator ?? createRequestValidator(registry);
  const findings: DecodeFindings = new WeakMap();
  const pending = new PendingRequests(limits.maxPendingBytes ?? 256 * MIB);
  const calls = new OpenCalls();
  const { auditFile } = options;
  const logs = [
    createCallLog(logger, auditFile !== undefined),
    ...(auditFile === undefined ? [] : [openAuditFile(auditFile, logger)]),
    ...(options.metrics === undefined ? [] : [createCallMetrics(options.metrics, 'server')]),
  ];
  const drainController = new AbortController();
  const names = services.map(({ name }) => name);
  const health = createHealth(names);
  const served = [...names, healthContract.HealthDefinition.fullName, ...REFLECTION_DEFINITIONS.map(({ fullName }) => fullName)];

  const server: NiceServer<ServiceContext> = createNiceServer({
    'grpc.max_receive_message_length': Math.max(LONGEST_REQUEST_BYTES, limits.maxRequestBytes ?? 0),
    'grpc.max_send_message_length': limits.maxResponseBytes ?? 64 * MIB,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 10_000,
    // Channelz stays on: without it grpc-js 1.14 keeps no list of sessions, and `forceShutdown` cuts nothing.
    interceptors: [callInterceptor({ calls, logs, logger, authenticate })],
  }).use(serviceMiddleware({ logger, findings, draining: drainController.signal, calls, pending }));

  for (const { definition, implementation } of services) {
    server.add(
      checkedDefinition(definition, validator, findings, pending, limits.maxRequestBytes),
      implementation as ServiceImplementation<TsProtoServiceDefinition, ServiceContext>,
    );
  }
  server.add(healthContract.HealthDefinition, health.implementation);
  const reflection = createReflection(registry, served);
  server.add(reflectionContract.ServerReflectionDefinition, reflection);
  server.add(REFLECTION_DEFINITIONS[1], reflection);

  return {
    listen: async ({ host, port }) => {
      requireProtection(host, options);
      const address = host.startsWith('unix:') ? host : `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${String(port)}`;
      return await server.listen(address, serverCredentials(tls, logger));
    },
    setServing: health.setServing,
    announceShutdown: health.shutDown,
    draining: drainController.signal,
    drain: async (deadlineMs) => {
      health.shutDown();
      drainController.abort();
      const deadline = Promise.withResolvers<'cut'>();
      const timer = setTimeout(() => {
        deadline.resolve('cut');
      }, deadlineMs);
      const result = await Promise.race([server.shutdown(), deadline.promise]);
      clearTimeout(timer);
      if (result !== 'cut') return true;
      server.forceShutdown();
      return false;
    },
  };
}
