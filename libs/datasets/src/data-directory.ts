import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DomainError } from '@nat/base/errors';

/** Where a file of the data directory lies. @throws DomainError FAILED_PRECONDITION DATA_DIRECTORY_UNSET without a directory */
export function dataPath(dataDir: string | undefined, what: string, ...parts: readonly string[]): string {
  if (dataDir === undefined || dataDir === '') {
    throw new DomainError('FAILED_PRECONDITION', `${what} needs a data directory: set NAT_DATA_DIR to the folder that holds ${parts.join('/')}`, {
      reason: 'DATA_DIRECTORY_UNSET',
    });
  }
  return join(dataDir, ...parts);
}

/** FAILED_PRECONDITION DATA_MISSING, naming the file and what to do. */
export function missingData(what: string, path: string, cause?: unknown): DomainError {
  return new DomainError('FAILED_PRECONDITION', `${what} was not found at ${path}: set NAT_DATA_DIR to the folder that holds it`, {
    reason: 'DATA_MISSING',
    metadata: { path },
    cause,
  });
}

/** DATA_LOSS DATA_INVALID: a file that is there and isn't what it should be. */
export function invalidData(path: string, description: string): DomainError {
  return new DomainError('DATA_LOSS', `${path}: ${description}`, { reason: 'DATA_INVALID', metadata: { path } });
}

/** @throws DomainError DATA_LOSS DATA_INVALID when bytes of the right size are not those that were published */
export function checkMd5(path: string, bytes: Uint8Array, published: string): void {
  const md5 = createHash('md5').update(bytes).digest('hex');
  if (md5 !== published) throw invalidData(path, `its md5 is ${md5}, the published file has ${published}`);
}
