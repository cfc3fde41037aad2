import { mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobStore } from './blob-store.ts';
import { openFolderBlobStore } from './folder-blob-store.ts';

interface BlobHome {
  readonly store: BlobStore;
  /** Moves the clock of the store. */
  advance(ms: number): void;
  /** Changes stored bytes behind the store's back. */
  damage(key: string): Promise<void>;
  /** Cuts stored bytes short behind the store's back. */
  truncate(key: string): Promise<void>;
  dispose(): Promise<void>;
}

describeBlobStore('folder', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nat-blobs-'));
  let now = Date.now();
  const store = await openFolderBlobStore(directory, { now: () => now });
  const pathOf = (key: string): string => join(directory, key.slice(0, 2), key);
  return {
    store,
    advance: (ms) => (now += ms),
    damage: async (key) => {
      const bytes = await readFile(pathOf(key));
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      await writeFile(pathOf(key), bytes);
    },
    truncate: (key) => truncate(pathOf(key), 1),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});

/** What every implementation of the blob store port does. */
function describeBlobStore(name: string, make: () => Promise<BlobHome>): void {
  describe(`blob store: ${name}`, () => {
    let home: BlobHome;
    let store: BlobStore;
    beforeAll(async () => {
      home = await make();
      ({ store } = home);
    });
    afterAll(() => home.dispose());

    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

    it('names bytes by their SHA-256 and gives them back', async () => {
      expect(await store.put(bytes('abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
      expect(await store.put(new Uint8Array(0))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
      expect(await store.get('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')).toStrictEqual(bytes('abc'));
      const large = new Uint8Array(500_000).map((_, index) => index * 31);
      expect(Buffer.compare(await store.get(await store.put(large)), large)).toBe(0);
      const part = large.subarray(1000, 2000); // a view into a larger buffer
      expect(await store.get(await store.put(part))).toStrictEqual(new Uint8Array(part));
    });

    it('knows what it has', async () => {
      const key = await store.put(bytes('known'));
      expect(await store.has(key)).toBe(true);
      expect(await store.delete(key)).toBe(true);
      expect(await store.delete(key)).toBe(false);
      expect(await store.has(key)).toBe(false);
      await expect(store.get(key)).rejects.toMatchObject({ kind: 'NOT_FOUND', reason: 'BLOB_NOT_FOUND' });
    });

    it('takes the same bytes from many at once', async () => {
      const keys = await Promise.all(Array.from({ length: 20 }, () => store.put(bytes('shared'))));
      expect(new Set(keys).size).toBe(1);
      expect(await store.get(keys[0] ?? '')).toStrictEqual(bytes('shared'));
    });

    it('never hands out bytes that changed, and heals a short one when it is put again', async () => {
      const key = await store.put(bytes('fragile'));
      await home.damage(key);
      await expect(store.get(key)).rejects.toMatchObject({ kind: 'DATA_LOSS', reason: 'BLOB_CORRUPT', metadata: { key } });
      const short = await store.put(bytes('cut short'));
      await home.truncate(short);
      await expect(store.get(short)).rejects.toMatchObject({ kind: 'DATA_LOSS' });
      expect(await store.put(bytes('cut short'))).toBe(short);
      expect(await store.get(short)).toStrictEqual(bytes('cut short'));
    });

    it('refuses keys that are none', async () => {
      for (const key of ['', '../../etc/passwd', 'A'.repeat(64), 'a'.repeat(63)]) {
        await expect(store.get(key)).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
        await expect(store.has(key)).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
        await expect(store.delete(key)).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
      }
    });

    it('collects what is neither referenced nor young', async () => {
      const referenced = await store.put(bytes('referenced'));
      const garbage = await store.put(bytes('garbage'));
      const renewed = await store.put(bytes('renewed'));
      home.advance(60_000);
      const young = await store.put(bytes('young'));
      await store.put(bytes('renewed'));
      const removed = await store.collect({ referenced: [referenced], youngerThanMs: 30_000 });
      expect(removed).toContain(garbage);
      for (const key of [referenced, renewed, young]) expect(await store.has(key)).toBe(true);
      expect(await store.has(garbage)).toBe(false);
      expect(await store.collect({ referenced: [referenced], youngerThanMs: 30_000 })).toEqual([]);
    });
  });
}

describe('folder blob store', () => {
  it('leaves nothing unfinished behind, and collects what a killed process left', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nat-blobs-'));
    let now = Date.now();
    const store = await openFolderBlobStore(directory, { now: () => now });
    await store.put(new TextEncoder().encode('x'));
    expect(await readdir(join(directory, 'unfinished'))).toEqual([]);
    await writeFile(join(directory, 'unfinished', 'left'), 'half');
    await store.collect({ referenced: [], youngerThanMs: 1_000 });
    expect(await readdir(join(directory, 'unfinished'))).toEqual(['left']);
    now += 60_000;
    await store.collect({ referenced: [], youngerThanMs: 1_000 });
    expect(await readdir(join(directory, 'unfinished'))).toEqual([]);
    await rm(directory, { recursive: true });
  });

  it('puts back what a killed collection had taken away', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nat-blobs-'));
    const key = await (await openFolderBlobStore(directory)).put(new TextEncoder().encode('x'));
    await rename(join(directory, key.slice(0, 2), key), join(directory, 'unfinished', key));
    expect(await (await openFolderBlobStore(directory)).has(key)).toBe(true);
    await rm(directory, { recursive: true });
  });
});
