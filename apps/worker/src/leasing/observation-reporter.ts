import type { evaluation } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';

const CHUNK = 1_000;

export interface ObservationReporterOptions {
  readonly send: (firstSequence: number, observations: readonly evaluation.Observation[]) => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Sends what a job observes, in order and in the background; what could not be sent goes along with the next. */
export interface ObservationReporter {
  readonly add: (observations: readonly evaluation.Observation[]) => void;
  /** Sends what is left, once. */
  readonly flush: () => Promise<void>;
}

export function createObservationReporter({ send, onError }: ObservationReporterOptions): ObservationReporter {
  let pending: evaluation.Observation[] = [];
  let sent = 0;
  let refused = false;
  let sending: Promise<void> = Promise.resolve();

  const sendPending = async (): Promise<void> => {
    while (pending.length > 0 && !refused) {
      const chunk = pending.slice(0, CHUNK);
      try {
        await send(sent, chunk);
      } catch (error) {
        // The lease is over: nothing of this attempt is wanted any more.
        refused = isDomainError(error) && (error.kind === 'FAILED_PRECONDITION' || error.kind === 'NOT_FOUND');
        if (!refused) onError(error);
        return;
      }
      sent += chunk.length;
      pending = pending.slice(chunk.length);
    }
  };
  const flush = (): Promise<void> => (sending = sending.then(sendPending));

  return {
    add: (observations) => {
      // A loss that is no number has no place in a time series; the outcome tells of it.
      pending.push(...observations.filter(({ value }) => Number.isFinite(value)));
      void flush();
    },
    flush,
  };
}
