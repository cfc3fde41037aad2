import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyOf, type BlobStore } from './blob-store.ts';
import { openFolderBlobStore } from './folder-blob-store.ts';
import { openBlobStore, parseBlobUrl } from './open-blob-store.ts';
import { openS3BlobStore, type S3BlobStoreOptions } from './s3-blob-store.ts';

/** A blob URL of an S3 server, for the credentials of the environment. */
const s3Url = process.env['NAT_TEST_S3'];

interface BlobHome {
  readonly store: BlobStore;
  /** Replaces what is stored behind the store's back. */
  tamper(key: string, change: (bytes: Uint8Array) => Uint8Array): Promise<void>;
  dispose(): Promise<void>;
}

interface Setting {
  readonly make: () => Promise<BlobHome>;
  /** Long enough that what is put before it and what is put after it differ in age. */
  readonly ageMs: number;
  readonly skip?: string | undefined;
}

describeBlobStore('folder', {
  ageMs: 20,
  make: async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nat-blobs-'));
    return {
      store: await openBlobStore(`file://${directory}`),
      tamper: async (key, change) => {
        const path = join(directory, key.slice(0, 2), key);
        await writeFile(path, change(await readFile(path)));
      },
      dispose: () => rm(directory, { recursive: true, force: true }),
    };
  },
});

describeBlobStore('S3', {
  skip: s3Url === undefined ? 'NAT_TEST_S3 is not set' : undefined,
  ageMs: 2_500, // its clock shows seconds
  make: async () => {
    const options = s3Options();
    const client = clientOf(options);
    return {
      store: await openS3BlobStore({ ...options, renewAfterMs: 0 }),
      tamper: async (key, change) => {
        const { Contents: objects = [] } = await client.send(new ListObjectsV2Command({ Bucket: options.bucket, Prefix: `${options.prefix}/blobs/${key}/` }));
        for (const { Key: name } of objects) {
          const bytes = await (await client.send(new GetObjectCommand({ Bucket: options.bucket, Key: name }))).Body!.transformToByteArray();
          await client.send(new PutObjectCommand({ Bucket: options.bucket, Key: name, Body: change(bytes) }));
        }
      },
      dispose: () => {
        client.destroy();
        return Promise.resolve();
      },
    };
  },
});

/** A place of its own in the bucket. */
function s3Options(): S3BlobStoreOptions {
  const place = parseBlobUrl(s3Url ?? '');
  if (place.kind !== 's3') throw new Error('NAT_TEST_S3 is no s3 URL');
  return { ...place, prefix: `test-${randomUUID()}` };
}

function clientOf({ endpoint = '', region = '' }: S3BlobStoreOptions): S3Client {
  return new S3Client({ endpoint, region, forcePathStyle: true });
}

/** What every implementation of the blob store port does. */
function describeBlobStore(name: string, { make, ageMs, skip }: Setting): void {
  describe.skipIf(skip !== undefined)(`blob store: ${name}${skip === undefined ? '' : ` (skipped: ${skip})`}`, () => {
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
      await home.tamper(key, ([first = 0, ...rest]) => Uint8Array.of(first ^ 1, ...rest));
      await expect(store.get(key)).rejects.toMatchObject({ kind: 'DATA_LOSS', reason: 'BLOB_CORRUPT', metadata: { key } });
      const short = await store.put(bytes('cut short'));
      await home.tamper(short, (stored) => stored.subarray(0, 1));
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

    it('collects what is old and what no list names', async () => {
      const old = { referenced: await store.put(bytes('referenced')), garbage: await store.put(bytes('garbage')), renewed: await store.put(bytes('renewed')) };
      const other = await store.put(bytes('referenced by another'));
      await pause(ageMs);
      const before = new Date();
      await pause(20); // the clock of a folder is that of the kernel, which may lag a few milliseconds
      const young = await store.put(bytes('young'));
      await store.put(bytes('renewed'));
      const publish = (owner: string, keys: readonly string[], takenAt = new Date()) => store.publishReferences({ owner, takenAt, keys: new Set(keys) });
      const collect = () => store.collect({ before, services: ['policy', 'evaluator'] });
      const unknown = (owner: string) => ({ kind: 'FAILED_PRECONDITION', reason: 'REFERENCES_UNKNOWN', metadata: { owner } });

      await publish('policy-1', [old.referenced]);
      await expect(collect()).rejects.toMatchObject(unknown('evaluator'));
      await publish('evaluator-1', [], new Date(before.getTime() - 1));
      await expect(collect()).rejects.toMatchObject(unknown('evaluator-1'));
      await publish('evaluator-1', []);
      await publish('policy-2', [other], new Date(0)); // of another platform in the same place, that has stopped
      await expect(collect()).rejects.toMatchObject(unknown('policy-2'));
      expect(await store.has(old.garbage)).toBe(true);

      await publish('policy-2', [other]);
      const removed = await collect();
      expect(removed).toContain(old.garbage);
      for (const key of [old.referenced, old.renewed, young, other]) {
        expect(removed).not.toContain(key);
        expect(keyOf(await store.get(key))).toBe(key);
      }
      expect(await store.has(old.garbage)).toBe(false);
      expect(await collect()).toEqual([]);
      await publish('policy-1', []);
      expect(await collect()).toEqual([old.referenced]);
    });

    it('publishes no list that could not be read again', async () => {
      const list = { owner: 'policy-1', takenAt: new Date(), keys: new Set<string>() };
      await expect(store.publishReferences({ ...list, owner: '../policy' })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
      await expect(store.publishReferences({ ...list, keys: new Set(['no key']) })).rejects.toMatchObject({ kind: 'INVALID_ARGUMENT' });
    });
  });
}

describe('folder blob store', () => {
  it('leaves nothing unfinished behind, and collects what a killed process left', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'nat-blobs-'));
    const store = await openFolderBlobStore(directory);
    await store.put(new TextEncoder().encode('x'));
    expect(await readdir(join(directory, 'unfinished'))).toEqual([]);
    const left = join(directory, 'unfinished', 'left');
    await writeFile(left, 'half');
    const collect = () => store.collect({ before: new Date(Date.now() - 1_000_000), services: [] });
    await collect();
    expect(await readdir(join(directory, 'unfinished'))).toEqual(['left']);
    await utimes(left, new Date(0), new Date(0));
    await collect();
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

  it('says that the disk is full, leaves nothing unfinished, and goes on when there is room again', async ({ skip }) => {
    const directory = await mkdtemp(join(tmpdir(), 'nat-blobs-'));
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'nat-blobs', directory], { stdio: 'ignore' }).status === 0;
    try {
      skip(!mounted, 'a file system small enough to be filled needs the right to mount one');
      const store = await openFolderBlobStore(directory);
      const small = await store.put(new Uint8Array(100_000));
      await expect(store.put(new Uint8Array(200_000))).rejects.toMatchObject({ kind: 'RESOURCE_EXHAUSTED', reason: 'BLOB_STORE_FULL' });
      expect(await readdir(join(directory, 'unfinished'))).toEqual([]);
      expect(await store.delete(small)).toBe(true);
      expect(await store.has(await store.put(new Uint8Array(200_000)))).toBe(true);
    } finally {
      if (mounted) spawnSync('umount', [directory]);
      await rm(directory, { recursive: true });
    }
  });
});

describe.skipIf(s3Url === undefined)(`S3 blob store${s3Url === undefined ? ' (skipped: NAT_TEST_S3 is not set)' : ''}`, () => {
  const namesOf = async (options: S3BlobStoreOptions): Promise<readonly string[]> => {
    const client = clientOf(options);
    const { Contents: objects = [] } = await client.send(new ListObjectsV2Command({ Bucket: options.bucket, Prefix: `${options.prefix}/blobs/` }));
    client.destroy();
    return objects.map(({ Key: name = '' }) => name);
  };

  it('keeps one object of what is put again while it is young, and collects repetitions', async () => {
    const options = s3Options();
    const store = await openS3BlobStore(options);
    const key = await store.put(Buffer.from('one'));
    await store.put(Buffer.from('one'));
    expect(await namesOf(options)).toHaveLength(1);
    const renewing = await openS3BlobStore({ ...options, renewAfterMs: 0 });
    for (let times = 0; times < 3; times += 1) await renewing.put(Buffer.from('one'));
    expect(await namesOf(options)).toHaveLength(4);
    await pause(2_500);
    const now = new Date();
    await store.publishReferences({ owner: 'policy', takenAt: now, keys: new Set([key]) });
    expect(await store.collect({ before: now, services: ['policy'] })).toEqual([]);
    expect(await namesOf(options)).toHaveLength(1);
    expect(await store.get(key)).toEqual(new Uint8Array(Buffer.from('one')));
  });

  it('lists in pages', async () => {
    const options = s3Options();
    const store = await openS3BlobStore(options);
    const client = clientOf(options);
    const count = 1_050; // a page has 1,000
    for (let start = 0; start < count; start += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          client.send(new PutObjectCommand({ Bucket: options.bucket, Key: `${options.prefix}/blobs/${keyOf(Buffer.from(String(start + i)))}/g`, Body: 'x' })),
        ),
      );
    }
    client.destroy();
    await pause(2_500);
    const now = new Date();
    expect(await store.collect({ before: now, services: [] })).toHaveLength(count);
    expect(await namesOf(options)).toEqual([]);
  });

  it('says what is wrong, and never what it signed with', async () => {
    const options = s3Options();
    await expect(openS3BlobStore({ ...options, bucket: 'no-such-bucket' })).rejects.toMatchObject({ kind: 'NOT_FOUND', reason: 'BUCKET_NOT_FOUND' });
    const secret = 'a-secret-that-must-not-show';
    for (const accessKeyId of ['somebody-else', process.env['AWS_ACCESS_KEY_ID'] ?? '']) {
      const denied: unknown = await openS3BlobStore({ ...options, credentials: { accessKeyId, secretAccessKey: secret } }).catch((error: unknown) => error);
      expect(denied).toMatchObject({ kind: 'PERMISSION_DENIED', reason: 'BLOB_STORE_DENIED' });
      expect(JSON.stringify([denied, (denied as Error).message, String((denied as Error).cause)])).not.toContain(secret);
    }
    await expect(openS3BlobStore({ ...options, endpoint: 'http://127.0.0.1:1', maxAttempts: 1 })).rejects.toMatchObject({
      kind: 'UNAVAILABLE',
      reason: 'BLOB_STORE_UNAVAILABLE',
    });
  });

  it('gives up on a server that takes a request and says nothing', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const endpoint = `http://127.0.0.1:${String((silent.address() as AddressInfo).port)}`;
    await expect(openS3BlobStore({ ...s3Options(), endpoint, maxAttempts: 1, silenceMs: 200 })).rejects.toMatchObject({
      kind: 'UNAVAILABLE',
      reason: 'BLOB_STORE_UNAVAILABLE',
    });
    silent.closeAllConnections();
    silent.close();
  });

  it('tries again what a busy server refuses, and gives up with UNAVAILABLE', async () => {
    const options = s3Options();
    let refusals = 2;
    let requests = 0;
    const busy = createServer((_request, response) => {
      requests += 1;
      refusals -= 1;
      const [status, body] =
        refusals >= 0 ? [503, '<Error><Code>SlowDown</Code></Error>'] : [200, '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'];
      response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => busy.once('listening', resolve));
    const endpoint = `http://127.0.0.1:${String((busy.address() as AddressInfo).port)}`;
    await openS3BlobStore({ ...options, endpoint });
    expect(requests).toBe(3);
    refusals = Infinity;
    await expect(openS3BlobStore({ ...options, endpoint, maxAttempts: 2 })).rejects.toMatchObject({ kind: 'UNAVAILABLE' });
    busy.close();
  });
});

describe('blob URLs', () => {
  it('name a folder or a bucket', () => {
    expect(parseBlobUrl('file:///var/lib/nat%20blobs')).toEqual({ kind: 'folder', directory: '/var/lib/nat blobs' });
    expect(parseBlobUrl('/var/lib/nat')).toEqual({ kind: 'folder', directory: '/var/lib/nat' });
    expect(parseBlobUrl('s3://weights')).toEqual({ kind: 's3', bucket: 'weights', prefix: '' });
    expect(parseBlobUrl('s3://weights/a/b?endpoint=https://minio:9000&region=eu-central-1')).toEqual({
      kind: 's3',
      bucket: 'weights',
      prefix: 'a/b',
      endpoint: 'https://minio:9000',
      region: 'eu-central-1',
    });
    expect(parseBlobUrl('s3://weights?endpoint=http://127.0.0.1:9000')).toMatchObject({ region: 'us-east-1' });
  });

  it('are refused with the reason, without what they hold', () => {
    for (const [url, why] of [
      ['blobs', /neither a URL nor an absolute path/],
      ['http://weights', /neither file/],
      ['file://host/folder', /a path and nothing else/],
      ['s3://id:hidden@weights', /holds credentials/],
      ['s3://W', /needs a bucket/],
      ['s3://weights?endpoint=minio:9000', /no http or https URL/],
      ['s3://weights?accessKey=hidden', /no parameter accessKey; it has endpoint, region/],
    ] as const) {
      expect(() => parseBlobUrl(url)).toThrow(
        expect.objectContaining({ kind: 'INVALID_ARGUMENT', reason: 'BAD_BLOB_URL', message: expect.stringMatching(why) as string }),
      );
      expect(() => parseBlobUrl(url)).not.toThrow(/hidden/);
    }
  });
});
