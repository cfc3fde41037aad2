import { isDomainError } from '@nat/base/errors';
import type { evaluation } from '@nat/contracts';

export interface CheckpointReporterOptions {
  /** What this attempt goes on from, where an earlier one wrote it. */
  readonly earlier: string | undefined;
  /** Tells the coordinator where another attempt would go on. */
  readonly report: (checkpoint: evaluation.Checkpoint) => Promise<void>;
  /** Deletes a checkpoint that nothing names any more. */
  readonly remove: (key: string) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/**
 * Passes checkpoints on in the background, the latest one first: what it overtook while the server was away is of no use. A checkpoint is deleted
 * once a later one is known to the coordinator, so there is always one to go on from and never a growing pile.
 */
export interface CheckpointReporter {
  readonly add: (checkpoint: evaluation.Checkpoint) => void;
  /** The latest one that this attempt wrote; undefined when there is none. */
  readonly latest: () => evaluation.Checkpoint | undefined;
  /** Waits for what is being sent. */
  readonly settle: () => Promise<void>;
  /** Deletes what is left of the evaluation's checkpoints but `kept`, once the evaluation has its outcome. */
  readonly discard: (kept: readonly string[]) => Promise<void>;
}

export function createCheckpointReporter({ earlier, report, remove, onError }: CheckpointReporterOptions): CheckpointReporter {
  /** Written by this attempt and the one before it, and still there, oldest first. */
  let stored: string[] = earlier === undefined ? [] : [earlier];
  /** Blob of the last one that the coordinator has. */
  let known = earlier;
  let latest: evaluation.Checkpoint | undefined;
  let refused = false;
  let sending: Promise<void> = Promise.resolve();

  const removeAll = async (keys: readonly string[]): Promise<void> => {
    stored = stored.filter((key) => !keys.includes(key));
    for (const key of keys) await remove(key);
  };
  const send = async (): Promise<void> => {
    const sent = latest;
    if (sent === undefined || sent.blob === known || refused) return;
    try {
      await report(sent);
      known = sent.blob;
      await removeAll(stored.slice(0, stored.indexOf(sent.blob)));
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
      stored = [...stored.filter((one) => one !== checkpoint.blob), checkpoint.blob];
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
