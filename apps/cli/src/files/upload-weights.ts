import { createReadStream } from 'node:fs';
import { DomainError } from '@nat/base/errors';
import type { Session } from '@nat/platform/session';

/** Bytes of one message. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Stores a file of weights where workers find it, and gives its key.
 * @throws DomainError NOT_FOUND, reason FILE_NOT_READABLE
 */
export async function uploadWeights({ clients: { evaluations } }: Session, file: string): Promise<string> {
  let unreadable: unknown;
  const pieces = async function* (): AsyncGenerator<{ data: Uint8Array }> {
    try {
      for await (const data of createReadStream(file, { highWaterMark: PIECE_BYTES })) yield { data: data as Uint8Array };
    } catch (error) {
      unreadable = error;
      throw error;
    }
  };
  try {
    return (await evaluations.uploadWeights(pieces())).weights;
  } catch (error) {
    if (unreadable === undefined) throw error;
    throw new DomainError('NOT_FOUND', `${file} cannot be read`, { reason: 'FILE_NOT_READABLE', cause: unreadable });
  }
}
