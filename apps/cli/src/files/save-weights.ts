import { createWriteStream } from 'node:fs';
import { access, constants, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DomainError } from '@nat/base/errors';
import type { Session } from '@nat/platform/session';

/** Looks before hours of training whether a file can be written there. @throws DomainError FAILED_PRECONDITION */
export async function requireWritable(file: string): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK);
  } catch (error) {
    throw new DomainError('FAILED_PRECONDITION', `${dirname(file)} is no folder that can be written to`, { reason: 'NOT_WRITABLE', cause: error });
  }
}

/** Writes stored weights to a file, which is there as a whole or not at all. */
export async function saveWeights({ clients: { evaluations } }: Session, weights: string, file: string): Promise<void> {
  const part = `${file}.part`;
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for await (const { data } of evaluations.downloadWeights({ weights })) yield data;
  };
  try {
    await pipeline(Readable.from(pieces()), createWriteStream(part));
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
}
