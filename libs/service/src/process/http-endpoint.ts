import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { TLSSocket, type PeerCertificate } from 'node:tls';
import { isDomainError } from '@nat/base/errors';
import { CertificateFiles } from '../security/certificate-files.ts';
import type { Logger } from '../observability/logger.ts';
import { requireProtection, type Protection } from '../server/protection.ts';
import { createAuthentication, type Authenticate } from '../security/authentication.ts';
import type { ListenAddress } from '../server/server.ts';

/** What a scrape shows: a registry of prom-client. */
export interface Exposition {
  readonly contentType: string;
  readonly metrics: () => Promise<string>;
}

export interface HttpEndpointOptions extends Protection {
  readonly registry: Exposition;
  readonly listen: ListenAddress;
  /** Whether the service can serve: /healthz answers 200 or 503. */
  readonly healthy: () => Promise<boolean>;
  readonly logger: Logger;
}

export interface HttpEndpoint {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** The client certificate that TLS has verified. */
function peerCertificate({ socket }: IncomingMessage): PeerCertificate | undefined {
  return socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate() : undefined;
}

/** Whether the caller may see what concerns all namespaces; the status and the reason when not. */
async function refusal(request: IncomingMessage, authenticate: Authenticate, logger: Logger): Promise<{ status: number; text: string } | undefined> {
  try {
    const caller = await authenticate({ authorization: request.headers.authorization, certificate: () => peerCertificate(request) }, logger);
    if (caller.namespaces === '*' && caller.role !== 'worker') return undefined;
    return { status: 403, text: 'metrics are for readers of all namespaces\n' };
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return { status: error.kind === 'UNAVAILABLE' ? 503 : 401, text: `${error.message}\n` };
  }
}

/**
 * A server of HTTP, or of HTTPS with certificates that are read again when they change. Clients need no certificate to connect: probes have none.
 * @returns the server, and what stops the watching
 */
function createHttpServer(handle: RequestListener, { tls }: Protection, logger: Logger): { readonly server: Server; readonly unwatch: () => void } {
  if (tls === undefined) return { server: createServer(handle), unwatch: () => undefined };
  const { certFile, keyFile, clientCaFile } = tls;
  const files = new CertificateFiles({ certFile, keyFile, caFile: clientCaFile }, logger);
  const context = ({ identity, ca }: typeof files.current) => ({ cert: identity?.certificate, key: identity?.privateKey, ca: ca.caCertificate });
  const server = createSecureServer({ ...context(files.current), requestCert: clientCaFile !== undefined, rejectUnauthorized: false }, handle);
  files.subscribe(server, (certificates) => {
    server.setSecureContext(context(certificates));
  });
  return {
    server,
    unwatch: () => {
      files.unsubscribe(server);
    },
  };
}

/**
 * Serves GET /metrics (Prometheus exposition), to callers that may read all namespaces, and /healthz, to everybody.
 * @throws DomainError FAILED_PRECONDITION UNPROTECTED_ADDRESS where TLS or authentication is missing beyond loopback
 */
export async function startHttpEndpoint({ registry, listen, healthy, logger, ...protection }: HttpEndpointOptions): Promise<HttpEndpoint> {
  requireProtection(listen.host, protection);
  // Connecting takes no certificate here, so where certificates are all there is, they are asked for.
  const authenticate = protection.authenticate ?? (protection.tls?.clientCaFile === undefined ? undefined : createAuthentication({ certificates: true }));
  const answer = async (path: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    switch (path) {
      case '/metrics': {
        const refused = authenticate === undefined ? undefined : await refusal(request, authenticate, logger);
        if (refused !== undefined) {
          logger.warn({ path, status: refused.status, peer: request.socket.remoteAddress, audit: true }, 'refused');
          response.writeHead(refused.status, { 'content-type': 'text/plain', ...(refused.status === 401 ? { 'www-authenticate': 'Bearer' } : {}) });
          response.end(refused.text);
          return;
        }
        const exposition = await registry.metrics();
        response.writeHead(200, { 'content-type': registry.contentType }).end(exposition);
        return;
      }
      case '/healthz': {
        const up = await healthy();
        response.writeHead(up ? 200 : 503, { 'content-type': 'text/plain' }).end(up ? 'ok\n' : 'unavailable\n');
        return;
      }
      default:
        response.writeHead(404, { 'content-type': 'text/plain' }).end('not found: /metrics and /healthz are here\n');
    }
  };
  const { server, unwatch } = createHttpServer(
    (request, response) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
        return;
      }
      answer((request.url ?? '/').split('?')[0] ?? '/', request, response).catch((error: unknown) => {
        logger.error({ err: error, url: request.url }, 'request failed');
        if (!response.headersSent) response.writeHead(500);
        response.end();
      });
    },
    protection,
    logger,
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(listen.port, listen.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : listen.port;
  logger.info({ host: listen.host, port }, 'serving HTTP');
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        unwatch();
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
