/**
 * The learner's state as a blob of one owner at one step. Its header makes the bytes unique, so the owner may delete the state it has superseded:
 * no other row can name the same blob, however alike two searches are.
 */
import { DomainError } from '@nat/base/errors';

export interface LearnerStateKey {
  /** namespaces/* /searches/* */
  readonly search: string;
  readonly epoch: number;
  readonly step: number;
}

/** The checkpoint behind a line that says whose it is. */
export function wrapLearnerState({ search, epoch, step }: LearnerStateKey, checkpoint: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ search, epoch, step })}\n`), checkpoint]);
}

/** @throws DomainError DATA_LOSS LEARNER_STATE */
export function unwrapLearnerState(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0x0a);
  if (end < 0) throw new DomainError('DATA_LOSS', 'a learner state has no header', { reason: 'LEARNER_STATE' });
  return bytes.slice(end + 1);
}
