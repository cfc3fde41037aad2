import { architecture } from '@nat/contracts';
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { loadConfig, serverEnvironment, serverProtection } from '../server/config.ts';
import { computeEtag, requireEtag } from './etag.ts';
import { requestOnce, type RequestStore, type StoredRequest } from './request-once.ts';
import { resourceNames } from './resource-name.ts';
import { shortHash, stableJson } from './stable-json.ts';
import { isLoopback } from '../security/tls.ts';

describe('loadConfig', () => {
  const schema = z.object({ ...serverEnvironment, NAT_DATA_DIR: z.string(), NAT_WORKERS: z.coerce.number().int() });

  it('reads, converts, fills in and freezes; an empty variable is absent', () => {
    const config = loadConfig(schema, { NAT_DATA_DIR: '/d', NAT_WORKERS: '3', NAT_HOST: '', PATH: '/bin' });
    expect(config).toMatchObject({ NAT_DATA_DIR: '/d', NAT_WORKERS: 3, NAT_HOST: '127.0.0.1', NAT_LOG_LEVEL: 'info' });
    expect(config).not.toHaveProperty('PATH');
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('names every bad key at once and no value', () => {
    const load = () => loadConfig(schema, { NAT_PORT: 'hunter2', NAT_LOG_LEVEL: 'hunter2', NAT_WORKERS: '1.5' });
    expect(load).toThrow(/NAT_PORT.*NAT_LOG_LEVEL.*NAT_DATA_DIR: is required.*NAT_WORKERS/s);
    expect(load).not.toThrow(/hunter2/);
  });

  it('wants the certificate and its key together', () => {
    const protection = (env: Record<string, string>) => serverProtection(loadConfig(z.object(serverEnvironment), env));
    expect(protection({})).toEqual({});
    expect(protection({ NAT_TLS_CERT_FILE: 'c', NAT_TLS_KEY_FILE: 'k' })).toEqual({ tls: { certFile: 'c', keyFile: 'k' } });
    expect(() => protection({ NAT_TLS_CERT_FILE: 'c' })).toThrow(/belong together/);
    expect(() => protection({ NAT_TLS_CLIENT_CA_FILE: 'a' })).toThrow(/needs/);
  });
});

describe('resource names', () => {
  const names = resourceNames('namespaces/{namespace}/policies/{policy}/versions/{version}');

  it('are formatted and parsed', () => {
    const ids = { namespace: 'default', policy: 'nat++', version: '3' };
    expect(names.format(ids)).toBe('namespaces/default/policies/nat++/versions/3');
    expect(names.parse(names.format(ids))).toEqual(ids);
  });

  it.each([
    '',
    'namespaces/default/policies/p',
    'namespaces//policies/p/versions/1',
    'namespaces/a/policies/b/versions/1/x',
    'namespaces/a/policies/b c/versions/1',
  ])('refuse %j', (name) => {
    expect(names.matches(name)).toBe(false);
    expect(() => names.parse(name, 'policy')).toThrow(
      expect.objectContaining({ reason: 'INVALID_NAME', violations: [expect.objectContaining({ field: 'policy' })] }),
    );
  });
});

describe('etags', () => {
  it('follow the value, not the order of its keys', () => {
    expect(computeEtag({ a: 1, b: [2, { d: 1, c: 2 }] })).toBe(computeEtag({ b: [2, { c: 2, d: 1 }], a: 1 }));
    expect(computeEtag({ a: 1 })).not.toBe(computeEtag({ a: 2 }));
    expect(stableJson({ b: undefined, a: null })).toBe('{"a":null}');
    expect(shortHash([1, 2])).not.toBe(shortHash([2, 1]));
  });

  it('stop a write that knows another version', () => {
    expect(() => {
      requireEtag('"x"', '"y"', 'namespaces/a');
    }).toThrow(expect.objectContaining({ kind: 'ABORTED', reason: 'ETAG_MISMATCH' }));
    requireEtag('', '"y"', 'r');
    requireEtag('"y"', '"y"', 'r');
  });
});

describe('requestOnce', () => {
  const { Architecture, CreateArchitectureRequest } = architecture;

  function memoryStore(): RequestStore & { readonly rows: Map<string, StoredRequest> } {
    const rows = new Map<string, StoredRequest>();
    return {
      rows,
      claim: async (key, fingerprint) => {
        if (rows.has(key)) return Promise.resolve(false);
        rows.set(key, { fingerprint, response: null });
        return Promise.resolve(true);
      },
      find: async (key) => Promise.resolve(rows.get(key)),
      complete: async (key, response) => {
        rows.set(key, { fingerprint: rows.get(key)?.fingerprint ?? '', response });
        return Promise.resolve();
      },
    };
  }

  const call = (
    store: RequestStore,
    request: Partial<architecture.CreateArchitectureRequest>,
    work: () => Promise<architecture.Architecture>,
    scope = 'Create',
  ) => {
    const full = CreateArchitectureRequest.create(request);
    return requestOnce({ requestId: full.requestId, scope, request: full, requestType: CreateArchitectureRequest, responseType: Architecture, store }, work);
  };

  it('works once and repeats its answer, whatever the order of a map', async () => {
    const store = memoryStore();
    const work = vi.fn(async () => Promise.resolve(Architecture.create({ name: 'n', createTime: new Date(5) })));
    const first = await call(store, { requestId: 'r', labels: { a: '1', b: '2' } }, work);
    const second = await call(store, { requestId: 'r', labels: { b: '2', a: '1' } }, work);
    expect(second).toEqual(first);
    expect(work).toHaveBeenCalledOnce();
    await call(store, { requestId: 'r' }, work, 'AnotherMethod');
    await call(store, {}, work);
    expect(work).toHaveBeenCalledTimes(3);
    expect(store.rows.size).toBe(2);
  });

  it('refuses the same id for another request, and one still in progress', async () => {
    const store = memoryStore();
    await call(store, { requestId: 'r' }, async () => Promise.resolve(Architecture.create()));
    await expect(call(store, { requestId: 'r', displayName: 'x' }, async () => Promise.resolve(Architecture.create()))).rejects.toMatchObject({
      kind: 'ALREADY_EXISTS',
    });
    await store.claim('Create:s', 'f');
    await expect(call(store, { requestId: 's' }, async () => Promise.resolve(Architecture.create()))).rejects.toMatchObject({ kind: 'ABORTED' });
  });
});

describe('isLoopback', () => {
  it('knows what only this machine reaches', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', 'localhost', '::1', '[::1]', 'unix:/tmp/s']) expect(isLoopback(host), host).toBe(true);
    for (const host of ['0.0.0.0', '::', '10.0.0.1', 'localhost.example.org', '127.0.0.1.example.org', '']) expect(isLoopback(host), host).toBe(false);
  });
});
