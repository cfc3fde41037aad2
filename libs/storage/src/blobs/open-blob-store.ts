import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DomainError } from '@nat/base/errors';
import type { BlobStore } from './blob-store.ts';
import { openFolderBlobStore } from './folder-blob-store.ts';
import type { S3BlobStoreOptions } from './s3-blob-store.ts';

type Place = { readonly kind: 'folder'; readonly directory: string } | ({ readonly kind: 's3' } & S3BlobStoreOptions);

const PARAMETERS: ReadonlySet<string> = new Set(['endpoint', 'region']);
/** As Amazon has it. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/**
 * Opens the blob store that a URL names: `file:///folder` (or the folder's absolute path), or `s3://bucket/prefix?endpoint=URL&region=NAME`. Credentials
 * are no part of it: they come from the environment and the files that S3 clients read.
 * @throws DomainError INVALID_ARGUMENT BAD_BLOB_URL, and what the store says
 */
export async function openBlobStore(url: string): Promise<BlobStore> {
  const place = parseBlobUrl(url);
  if (place.kind === 'folder') return openFolderBlobStore(place.directory);
  // Loaded where it is used: the client takes a quarter of a second.
  const { openS3BlobStore } = await import('./s3-blob-store.ts');
  return openS3BlobStore(place);
}

/** @throws DomainError INVALID_ARGUMENT BAD_BLOB_URL; its message has no part of the URL, which may hold a secret by mistake */
export function parseBlobUrl(text: string): Place {
  if (isAbsolute(text)) return { kind: 'folder', directory: text };
  const bad = (why: string): DomainError => DomainError.invalid('blob URL', why, 'BAD_BLOB_URL');
  const url = URL.parse(text);
  if (url === null) throw bad('is neither a URL nor an absolute path');
  if (url.username !== '' || url.password !== '') throw bad('holds credentials: they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or shared files');
  switch (url.protocol) {
    case 'file:':
      if (url.host !== '' || url.search !== '') throw bad('a file URL has a path and nothing else');
      return { kind: 'folder', directory: fileURLToPath(url) };
    case 's3:': {
      if (!BUCKET.test(url.host)) throw bad('s3 needs a bucket: s3://bucket/prefix');
      const unknown = [...url.searchParams.keys()].find((name) => !PARAMETERS.has(name));
      if (unknown !== undefined) throw bad(`s3 has no parameter ${unknown}; it has ${[...PARAMETERS].join(', ')}`);
      const endpoint = url.searchParams.get('endpoint');
      if (endpoint !== null && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) throw bad('endpoint is no http or https URL');
      // A server of one's own seldom has regions; the SDK asks for one.
      const region = url.searchParams.get('region') ?? (endpoint === null ? undefined : 'us-east-1');
      return {
        kind: 's3',
        bucket: url.host,
        prefix: decodeURIComponent(url.pathname.slice(1)),
        ...(endpoint === null ? {} : { endpoint }),
        ...(region === undefined ? {} : { region }),
      };
    }
    default:
      throw bad('is neither file:// nor s3://');
  }
}
