import { isDomainError } from '@nat/base/errors';
import type { StoredCheckpoint } from '../job/job.ts';

export interface CheckpointReporterOptions {
  /** What this attempt goes on from, where an earlier one wrote it; empty: nothing of its own. */
  readonly earlier: string;
  /** Tells the coordinator where another attempt would go on. */
  readonly report: (checkpoint: StoredCheckpoint) => Promise<void>;
  /** Deletes a checkpoint that nothing names any more. */
  readonly remove: (key: string) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Passes checkpoints on in the background, the latest one first: what it overtook while the server was away is of no use. A checkpoint is deleted
 * once a later one is known to the coordinator, so there is always one to go on from and never a growing pile.
 */
export interface CheckpointReporter {
  readonly add: (checkpoint: StoredCheckpoint) => void;
  /** The latest one that this attempt wrote; undefined when there is none. */
  readonly latest: () => StoredCheckpoint | undefined;
  /** Waits for what is being sent. */
  readonly settle: () => Promise<void>;
  /** Deletes what is left of the evaluation's checkpoints but `kept`, once the evaluation has its outcome. */
  readonly discard: (kept: readonly string[]) => Promise<void>;
}

export function createCheckpointReporter({ earlier, report, remove, onError }: CheckpointReporterOptions): CheckpointReporter {
  /** Written by this attempt and the one before it, and still there, oldest first. */
  let stored: string[] = earlier === '' ? [] : [earlier];
  let known = earlier;
  let latest: StoredCheckpoint | undefined;
  let refused = false;
  let sending: Promise<void> = Promise.resolve();

  const removeAll = async (keys: readonly string[]): Promise<void> => {
    stored = stored.filter((key) => !keys.includes(key));
    for (const key of keys) await remove(key);
  };
  const send = async (): Promise<void> => {
    const sent = latest;
    if (sent === undefined || sent.key === known || refused) return;
    try {
      await report(sent);
      known = sent.key;
      await removeAll(stored.slice(0, stored.indexOf(sent.key)));
    } catch (error) {
      // The lease is over: another attempt has its own.
      refused = isDomainError(error) && (error.kind === 'FAILED_PRECONDITION' || error.kind === 'NOT_FOUND');
      if (!refused) onError(error);
    }
  };
  const settle = (): Promise<void> => (sending = sending.then(send));

  return {
    add: (checkpoint) => {
      latest = checkpoint;
      stored = [...stored.filter((one) => one !== checkpoint.key), checkpoint.key];
      void settle();
    },
    latest: () => latest,
    settle,
    discard: async (kept) => {
      await settle();
      await removeAll(stored.filter((key) => !kept.includes(key)));
    },
  };
}
