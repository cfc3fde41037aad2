import { createServer, type ServerResponse } from 'node:http';
import type { Logger } from './logger.ts';
import type { ListenAddress } from './server.ts';

/** What a scrape shows: a registry of prom-client. */
export interface Exposition {
  readonly contentType: string;
  readonly metrics: () => Promise<string>;
}

export interface HttpEndpointOptions {
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

/** Serves GET /metrics (Prometheus exposition) and /healthz. */
export async function startHttpEndpoint({ registry, listen, healthy, logger }: HttpEndpointOptions): Promise<HttpEndpoint> {
  const answer = async (path: string, response: ServerResponse): Promise<void> => {
    switch (path) {
      case '/metrics': {
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
  const server = createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    answer((request.url ?? '/').split('?')[0] ?? '/', response).catch((error: unknown) => {
      logger.error({ err: error, url: request.url }, 'request failed');
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
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
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}
