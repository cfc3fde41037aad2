import { architecture } from '@nat/contracts';
import { describe, expect, it, vi } from 'vitest';
import { requestOnce, type RequestStore, type StoredRequest } from './request-once.ts';

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
