export { continueCall, type ServiceCallContext, type ServiceContext } from './call-context.ts';
export { createChannelTo, type CallSettings, type ClientChannel, type ClientChannelOptions } from './client.ts';
export { openClients, type PlatformClients } from './clients.ts';
export { clientConnection, clientEnvironment, loadConfig, serverEnvironment, serverProtection } from './config.ts';
export { computeEtag, requireEtag } from './etag.ts';
export { applyReadMask, updatedFields } from './field-mask.ts';
export { parseFilter, type FilterTerm } from './filter.ts';
export { startHttpEndpoint, type Exposition, type HttpEndpoint, type HttpEndpointOptions } from './http-endpoint.ts';
export { onInterrupt, runMain, runMigrationOnly, runUntilSignal, startApp, type App, type AppOptions, type ProcessEvents } from './lifecycle.ts';
export { createLogger, LOG_LEVELS, type Logger, type LoggerOptions } from './logger.ts';
export type { MessageCodec } from './message-codec.ts';
export { decodePageToken, encodePageToken, pageSize, type PageScope } from './page-token.ts';
export { createProcessRegistry, startProcessEndpoint } from './process-endpoint.ts';
export { createContractRegistry, type ContractRegistry } from './registry.ts';
export { requestOnce, type RequestOnceOptions, type RequestStore, type StoredRequest } from './request-once.ts';
export { createRequestValidator, type RequestValidator } from './request-validator.ts';
export { namespaceNames, resourceNames, type ResourceNames } from './resource-name.ts';
export type { Protection } from './protection.ts';
export { bindService, createServer, type BoundService, type ListenAddress, type MessageLimits, type Server, type ServerOptions } from './server.ts';
export { shortHash, stableJson } from './stable-json.ts';
export { kindOfStatus, STATUS_OF_KIND, statusName } from './status.ts';
export { readTokenFile } from './token-file.ts';
export { isLoopback, type ClientTlsFiles, type ServerTlsFiles } from './tls.ts';
export {
  decodeClientError,
  domainErrorToStatus,
  encodeDomainError,
  ERROR_DOMAIN,
  STATUS_DETAILS_KEY,
  statusToDomainError,
  type WireError,
} from './wire-errors.ts';
