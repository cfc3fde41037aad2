import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { blobCorrupt, blobNotFound, blobStoreFull, isBlobKey, keyOf, requireBlobKey, type BlobKey, type BlobStore } from './blob-store.ts';
import { isOwner, readReferenceList, referencedKeys, writeReferenceList } from './reference-lists.ts';

const UNFINISHED = 'unfinished';
const REFERENCES = 'references';
/** No space left, or none for this user. */
const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

/** Blobs as files `<first two digits>/<key>` of a folder, which is made if it is missing. */
export async function openFolderBlobStore(directory: string): Promise<BlobStore> {
  for (const folder of [UNFINISHED, REFERENCES]) await mkdir(join(directory, folder), { recursive: true, mode: 0o700 });
  const pathOf = (key: BlobKey): string => {
    requireBlobKey(key);
    return join(directory, key.slice(0, 2), key);
  };

  /** Renews the age of a blob; false if there is none (`collect` may have just removed it). */
  async function touch(path: string): Promise<boolean> {
    const now = new Date();
    return await unlessMissing(() => utimes(path, now, now).then(() => true), false);
  }

  async function write(path: string, bytes: Uint8Array): Promise<void> {
    const temporary = join(directory, UNFINISHED, randomUUID());
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      const folder = dirname(path);
      if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(directory);
      await rename(temporary, path);
      await syncFolder(folder); // else a power failure could forget the name
    } catch (error) {
      await rm(temporary, { force: true });
      if (FULL.has(codeOf(error))) throw blobStoreFull(directory, error);
      throw error;
    }
  }

  /** Takes the file away before the last look at its age: a `put` that renewed it in between gets it back, and one that comes later writes it anew. */
  async function removeIfStillOld(key: BlobKey, isOld: (path: string) => Promise<boolean>): Promise<boolean> {
    const taken = join(directory, UNFINISHED, key);
    if (!(await unlessMissing(() => rename(pathOf(key), taken).then(() => true), false))) return false;
    if (!(await isOld(taken))) {
      await putBack(key);
      return false;
    }
    await rm(taken, { force: true });
    return true;
  }

  async function putBack(key: BlobKey): Promise<void> {
    await unlessMissing(() => rename(join(directory, UNFINISHED, key), pathOf(key)), undefined);
  }

  async function* keys(): AsyncGenerator<BlobKey> {
    for (const folder of await readdir(directory)) {
      if (!/^[0-9a-f]{2}$/.test(folder)) continue;
      for (const name of await readdir(join(directory, folder))) if (isBlobKey(name)) yield name;
    }
  }

  // A collection that was killed may have taken a blob away that it had to put back.
  for (const name of await readdir(join(directory, UNFINISHED))) if (isBlobKey(name)) await putBack(name);

  return {
    async put(bytes) {
      const key = keyOf(bytes);
      const path = pathOf(key);
      // The size catches a file that was cut short; `get` checks every byte.
      const size = await unlessMissing(() => stat(path).then((found) => found.size), -1);
      if (size !== bytes.byteLength || !(await touch(path))) await write(path, bytes);
      return key;
    },

    async get(key) {
      const path = pathOf(key);
      const bytes = await unlessMissing<Uint8Array | undefined>(() => readFile(path), undefined);
      if (bytes === undefined) throw blobNotFound(key);
      if (keyOf(bytes) !== key) throw blobCorrupt(key);
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },

    async has(key) {
      const path = pathOf(key);
      return await unlessMissing(() => stat(path).then(() => true), false);
    },

    async delete(key) {
      const path = pathOf(key);
      return await unlessMissing(() => unlink(path).then(() => true), false);
    },

    async publishReferences(list) {
      const text = writeReferenceList(list);
      await write(join(directory, REFERENCES, list.owner), Buffer.from(text));
    },

    async collect(options) {
      const names = (await readdir(join(directory, REFERENCES))).filter(isOwner);
      const lists = await Promise.all(names.map(async (owner) => readReferenceList(owner, await readFile(join(directory, REFERENCES, owner), 'utf8'))));
      const keep = referencedKeys(lists, options);
      const oldest = options.before.getTime();
      const isOld = (path: string): Promise<boolean> => unlessMissing(() => stat(path).then(({ mtimeMs }) => mtimeMs < oldest), false);
      const removed: BlobKey[] = [];
      for await (const key of keys()) {
        const path = pathOf(key);
        if (keep.has(key) || !(await isOld(path))) continue;
        if (await removeIfStillOld(key, isOld)) removed.push(key);
      }
      for (const name of await readdir(join(directory, UNFINISHED))) {
        const path = join(directory, UNFINISHED, name); // of a process that was killed
        if (await isOld(path)) await rm(path, { force: true });
      }
      return removed;
    },
  };
}

async function unlessMissing<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return otherwise;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
