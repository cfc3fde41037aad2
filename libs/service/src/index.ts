export { continueCall, type ServiceCallContext, type ServiceContext } from './server/call-context.ts';
export { createChannelTo, type CallSettings, type ClientChannel, type ClientChannelOptions } from './client/client.ts';
export { openClients, type PlatformClients } from './client/clients.ts';
export { clientConnection, clientEnvironment, loadConfig, serverEnvironment, serverProtection } from './process/config.ts';
export { computeEtag, requireEtag } from './aip/etag.ts';
export { applyReadMask, updatedFields } from './aip/field-mask.ts';
export { parseFilter, type FilterTerm } from './aip/filter.ts';
export { startHttpEndpoint, type Exposition, type HttpEndpoint, type HttpEndpointOptions } from './process/http-endpoint.ts';
export { onInterrupt, runMain, runUntilSignal, startApp, type App, type AppOptions, type ProcessEvents } from './process/lifecycle.ts';
export { createLogger, LOG_LEVELS, type Logger, type LoggerOptions } from './observability/logger.ts';
export type { MessageCodec } from './wire/message-codec.ts';
export { decodePageToken, encodePageToken, pageSize, type PageScope } from './aip/page-token.ts';
export { createProcessRegistry, startProcessEndpoint } from './process/process-endpoint.ts';
export { runServiceProcess, type Migrations, type ProcessContext, type ServedParts, type ServiceProcessOptions } from './process/service-process.ts';
export { createContractRegistry, type ContractRegistry } from './wire/contract-registry.ts';
export { requestOnce, type RequestOnceOptions, type RequestStore, type StoredRequest } from './aip/request-once.ts';
export { createRequestValidator, type RequestValidator } from './server/request-validator.ts';
export { namespaceNames, resourceNames, type ResourceNames } from './aip/resource-name.ts';
export type { Protection } from './server/protection.ts';
export { bindService, createServer, type BoundService, type ListenAddress, type MessageLimits, type Server, type ServerOptions } from './server/server.ts';
export { shortHash, stableJson } from './aip/stable-json.ts';
export { kindOfStatus, STATUS_OF_KIND, statusName } from './wire/status.ts';
export { readTokenFile } from './security/token-file.ts';
export { isLoopback, type ClientTlsFiles, type ServerTlsFiles } from './security/tls.ts';
export {
  decodeClientError,
  domainErrorToStatus,
  encodeDomainError,
  ERROR_DOMAIN,
  STATUS_DETAILS_KEY,
  statusToDomainError,
  type WireError,
} from './wire/wire-errors.ts';
