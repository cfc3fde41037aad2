import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as tar from 'tar';
import { download } from './download.ts';

/** A published .tar.gz with one folder in it. */
export interface Archive {
  readonly url: string;
  readonly file: string;
  /** Lower-case hex. */
  readonly md5: string;
}

export interface FetchOptions {
  /** Where its folder should lie. Made when it isn't there. */
  readonly directory: string;
  readonly onProgress?: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Downloads an archive and unpacks it. A broken download goes on where it stopped, also in another process; one that was broken off while it was
 * unpacked is not downloaded again.
 * @throws DomainError as `download`
 */
export async function fetchArchive({ url, file, md5 }: Archive, { directory, onProgress, signal }: FetchOptions): Promise<void> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, file);
  await download({ url, file: path, md5, ...(signal === undefined ? {} : { signal }), ...(onProgress === undefined ? {} : { onProgress }) });
  await tar.extract({ file: path, cwd: directory });
  await rm(path);
}
