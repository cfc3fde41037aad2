/**
 * Blobs in a bucket of an S3-compatible server.
 *
 * A blob is one or more objects `<prefix>blobs/<key>/<generation>` with the same bytes. S3 cannot delete an object on condition that it is still old, so
 * a collection that judged one by its age could delete what a `put` renewed a moment later. Here objects never change: a `put` that finds only old ones
 * writes another, and a collection deletes those it judged.
 */
import { randomUUID } from 'node:crypto';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { blobCorrupt, blobNotFound, isBlobKey, keyOf, requireBlobKey, type BlobKey, type BlobStore } from './blob-store.ts';
import { isOwner, readReferenceList, referencedKeys, writeReferenceList } from './reference-lists.ts';
import { isMissingObject, mapS3Error } from './s3-errors.ts';

export interface S3BlobStoreOptions {
  readonly bucket: string;
  /** Stands before the names of all objects. @default none */
  readonly prefix?: string;
  /** URL of a server other than Amazon's; buckets are then part of the path. */
  readonly endpoint?: string;
  /** @default that of the SDK: AWS_REGION, the shared configuration files */
  readonly region?: string;
  /** @default what the SDK finds: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, shared files, web identity tokens, instance metadata */
  readonly credentials?: S3ClientConfig['credentials'];
  /** A `put` whose newest object is older than this writes another; far below the age that is collected. @default 1 h */
  readonly renewAfterMs?: number;
  /** Tries of one request. @default 5 */
  readonly maxAttempts?: number;
  /** A connection that is silent for longer is given up. @default 30 s */
  readonly silenceMs?: number;
}

/** One object of a blob. */
interface Generation {
  readonly name: string;
  readonly size: number;
  /** By the server's clock, which may drop fractions of seconds. */
  readonly modified: number;
}

const CONNECT_MS = 5_000;
const MAX_DELETES = 1_000;
const CLOCK_STEP_MS = 1_000;

/**
 * Opens a bucket and checks that it can be read.
 * @throws DomainError NOT_FOUND BUCKET_NOT_FOUND, PERMISSION_DENIED BLOB_STORE_DENIED, UNAVAILABLE BLOB_STORE_UNAVAILABLE
 */
export async function openS3BlobStore(options: S3BlobStoreOptions): Promise<BlobStore> {
  const { bucket, endpoint, region, credentials, renewAfterMs = 3_600_000, maxAttempts = 5, silenceMs = 30_000 } = options;
  const prefix = options.prefix === undefined || options.prefix === '' ? '' : `${options.prefix.replace(/\/+$/, '')}/`;
  const client = new S3Client({
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts,
    // Bytes are checked by their SHA-256 on both ways.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: silenceMs },
  });
  const blobFolder = `${prefix}blobs/`;
  const referenceFolder = `${prefix}references/`;

  async function mapped<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw mapS3Error(error, bucket);
    }
  }

  async function* list(folder: string): AsyncGenerator<Generation> {
    for await (const { Contents: contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: folder })) {
      for (const { Key: name = '', Size: size = 0, LastModified: modified } of contents) yield { name, size, modified: modified?.getTime() ?? 0 };
    }
  }

  /** Newest first. */
  async function generationsOf(key: BlobKey): Promise<readonly Generation[]> {
    requireBlobKey(key);
    return (await Array.fromAsync(list(`${blobFolder}${key}/`))).sort((a, b) => b.modified - a.modified);
  }

  async function read(name: string): Promise<Uint8Array | undefined> {
    try {
      const { Body: body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }));
      return body === undefined ? new Uint8Array(0) : await body.transformToByteArray();
    } catch (error) {
      if (isMissingObject(error)) return undefined;
      throw error;
    }
  }

  async function write(name: string, bytes: Uint8Array): Promise<void> {
    const ChecksumSHA256 = Buffer.from(keyOf(bytes), 'hex').toString('base64');
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body: bytes, ChecksumSHA256 }));
  }

  async function remove(names: readonly string[]): Promise<void> {
    for (let start = 0; start < names.length; start += MAX_DELETES) {
      const Objects = names.slice(start, start + MAX_DELETES).map((Key) => ({ Key }));
      const { Errors: errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
      const [first] = errors;
      if (first !== undefined)
        throw Object.assign(new Error(first.Message), { name: first.Code, $metadata: { httpStatusCode: first.Code === 'AccessDenied' ? 403 : 500 } });
    }
  }

  const writing = new Map<BlobKey, Promise<void>>();
  async function writeUnlessYoung(key: BlobKey, bytes: Uint8Array): Promise<void> {
    const now = Date.now() + client.config.systemClockOffset;
    const young = (await generationsOf(key)).some(({ size, modified }) => size === bytes.byteLength && now - modified < renewAfterMs);
    if (!young) await write(`${blobFolder}${key}/${randomUUID()}`, bytes);
  }

  await mapped(() => client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: blobFolder, MaxKeys: 1 })));

  return {
    async put(bytes) {
      const key = keyOf(bytes);
      let written = writing.get(key);
      if (written === undefined) {
        written = mapped(() => writeUnlessYoung(key, bytes)).finally(() => writing.delete(key));
        writing.set(key, written);
      }
      await written;
      return key;
    },

    get: (key) =>
      mapped(async () => {
        let found = false;
        for (const { name } of await generationsOf(key)) {
          const bytes = await read(name);
          if (bytes === undefined) continue; // deleted since the list
          if (keyOf(bytes) === key) return bytes;
          found = true;
        }
        throw found ? blobCorrupt(key) : blobNotFound(key);
      }),

    has: (key) => mapped(async () => (await generationsOf(key)).length > 0),

    delete: (key) =>
      mapped(async () => {
        const generations = await generationsOf(key);
        await remove(generations.map(({ name }) => name));
        return generations.length > 0;
      }),

    publishReferences: (list) => mapped(() => write(`${referenceFolder}${list.owner}`, Buffer.from(writeReferenceList(list)))),

    collect: (options) =>
      mapped(async () => {
        const lists = [];
        for await (const { name } of list(referenceFolder)) {
          const owner = name.slice(referenceFolder.length);
          const text = isOwner(owner) ? await read(name) : undefined;
          if (text !== undefined) lists.push(readReferenceList(owner, new TextDecoder().decode(text)));
        }
        const keep = referencedKeys(lists, options);
        const removed: BlobKey[] = [];
        let waiting: string[] = [];
        const judge = (key: BlobKey, generations: readonly Generation[]): void => {
          const old = generations.filter(({ modified }) => modified + CLOCK_STEP_MS < options.before.getTime());
          const kept = keep.has(key) ? newestOf(old) : undefined; // of a referenced blob only the repetitions go
          const go = old.filter((generation) => generation !== kept);
          waiting.push(...go.map(({ name }) => name));
          if (go.length === generations.length) removed.push(key);
        };
        for await (const { key, generations } of byKey(list(blobFolder), blobFolder)) {
          judge(key, generations);
          if (waiting.length < MAX_DELETES) continue;
          await remove(waiting);
          waiting = [];
        }
        await remove(waiting);
        return removed;
      }),
  };
}

/** Groups a listing, which comes in the order of names. */
async function* byKey(
  objects: AsyncIterable<Generation>,
  folder: string,
): AsyncGenerator<{ readonly key: BlobKey; readonly generations: readonly Generation[] }> {
  let key = '';
  let generations: Generation[] = [];
  for await (const object of objects) {
    const [next = ''] = object.name.slice(folder.length).split('/');
    if (!isBlobKey(next)) continue; // not ours
    if (next !== key && generations.length > 0) {
      yield { key, generations };
      generations = [];
    }
    key = next;
    generations.push(object);
  }
  if (generations.length > 0) yield { key, generations };
}

function newestOf(generations: readonly Generation[]): Generation | undefined {
  return generations.reduce<Generation | undefined>((newest, one) => (newest === undefined || one.modified > newest.modified ? one : newest), undefined);
}
