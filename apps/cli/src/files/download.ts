import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DomainError } from '@nat/base/errors';
import { retry, type RetryPolicy } from '@nat/base/retry';

export interface DownloadOptions {
  readonly url: string;
  /** The finished file. What has arrived so far stands beside it as `<file>.part`. */
  readonly file: string;
  /** Lower-case hex. */
  readonly md5: string;
  /** How often it is tried; each try goes on where the last one stopped. @default 4 times, after half a second and more */
  readonly policy?: RetryPolicy;
  readonly onProgress?: (bytes: number, total: number | undefined) => void;
  readonly signal?: AbortSignal;
}

const DEFAULT_POLICY: RetryPolicy = { initialIntervalMs: 500, maximumAttempts: 4 };

/**
 * Downloads a file that nobody else can have changed: resumes a broken transfer, and lets the file appear under its name only when its checksum is right.
 * A file that is there with that checksum is not asked for again.
 * @throws DomainError UNAVAILABLE when the server cannot be reached, DATA_LOSS when the checksum is wrong
 */
export async function download(options: DownloadOptions): Promise<void> {
  if ((await checksum(options.file).catch(() => undefined)) === options.md5) return;
  const part = `${options.file}.part`;
  try {
    await retry(options.policy ?? DEFAULT_POLICY, () => transfer(options, part), { signal: options.signal, retryable: () => true });
  } catch (error) {
    if (options.signal?.aborted === true) throw new DomainError('CANCELLED', 'the download was interrupted; run it again to go on', { cause: error });
    throw new DomainError('UNAVAILABLE', `${options.url}: ${error instanceof Error ? error.message : String(error)}`, {
      reason: 'DOWNLOAD_FAILED',
      metadata: { hint: 'Run the command again: it goes on where it stopped.' },
      cause: error,
    });
  }
  const sum = await checksum(part);
  if (sum !== options.md5) {
    // A wrong file would be wrong again when resumed.
    await rm(part, { force: true });
    throw new DomainError('DATA_LOSS', `${options.url} has the md5 ${sum}, expected ${options.md5}: nothing was kept`, { reason: 'CHECKSUM_MISMATCH' });
  }
  await rename(part, options.file);
}

async function transfer({ url, onProgress, signal }: DownloadOptions, part: string): Promise<void> {
  const have = await stat(part).then(
    ({ size }) => size,
    () => 0,
  );
  const response = await fetch(url, { ...(have > 0 ? { headers: { range: `bytes=${have}-` } } : {}), ...(signal === undefined ? {} : { signal }) });
  if (response.status === 416) return;
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
  const resumed = response.status === 206;
  const length = response.headers.get('content-length');
  const start = resumed ? have : 0;
  const total = length === null ? undefined : start + Number(length);
  let bytes = start;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      onProgress?.(bytes, total);
      done(null, chunk);
    },
  });
  await pipeline(Readable.fromWeb(response.body), counter, createWriteStream(part, { flags: resumed ? 'a' : 'w' }));
  if (total !== undefined && bytes !== total) throw new Error(`${bytes} of ${total} bytes came`);
}

async function checksum(file: string): Promise<string> {
  const hash: Hash = createHash('md5');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
