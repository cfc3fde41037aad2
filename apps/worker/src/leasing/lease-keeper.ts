import type { evaluation } from '@nat/contracts';
import type { Logger } from '@nat/service';

/** Why held work must stop. */
export type StopReason = 'cancelled' | 'lost' | 'drained';

/** A lease that this worker holds. */
export interface HeldLease {
  readonly lease: evaluation.Lease;
  readonly reference: evaluation.LeaseReference;
  /** Aborts with a StopReason as its reason. */
  readonly signal: AbortSignal;
  readonly stop: (reason: StopReason) => void;
}

export interface LeaseKeeperOptions {
  /** Renews leases; an empty list only tells that this worker is alive. */
  readonly renew: (leases: readonly evaluation.LeaseReference[]) => Promise<evaluation.RenewLeasesResponse>;
  readonly renewMs: () => number;
  /** Called when renewing fails. The work goes on: an expired lease that nobody took is still good. */
  readonly onError: (error: unknown) => void;
  readonly logger: Logger;
}

/** Keeps leases alive while their work runs, whatever the work does. */
export interface LeaseKeeper {
  readonly hold: (lease: evaluation.Lease) => HeldLease;
  readonly drop: (held: HeldLease) => void;
  readonly held: () => readonly HeldLease[];
  readonly close: () => Promise<void>;
}

/** A renewal carries at most so many. */
const CHUNK = 256;

export function startLeaseKeeper({ renew, renewMs, onError, logger }: LeaseKeeperOptions): LeaseKeeper {
  const leases = new Map<string, HeldLease>();
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  const renewAll = async (): Promise<void> => {
    const all = [...leases.values()];
    for (let from = 0; from === 0 || from < all.length; from += CHUNK) {
      const chunk = all.slice(from, from + CHUNK);
      const { cancelled, lost } = await renew(chunk.map(({ reference }) => reference));
      const tell = (names: readonly string[], reason: StopReason): void => {
        for (const one of chunk) {
          // A lease that was dropped or replaced meanwhile is no longer what the answer is about.
          if (!names.includes(one.reference.evaluation) || leases.get(one.reference.evaluation) !== one) continue;
          logger.info({ evaluation: one.reference.evaluation, reason }, 'stopping work');
          one.stop(reason);
        }
      };
      tell(cancelled, 'cancelled');
      tell(lost, 'lost');
    }
  };
  const schedule = (): void => {
    if (closed) return;
    timer = setTimeout(() => {
      running = renewAll().catch(onError).then(schedule);
    }, renewMs());
  };
  schedule();

  return {
    hold: (lease) => {
      const controller = new AbortController();
      const held: HeldLease = {
        lease,
        reference: { evaluation: lease.evaluation, token: lease.token },
        signal: controller.signal,
        stop: (reason) => {
          controller.abort(reason);
        },
      };
      leases.set(lease.evaluation, held);
      return held;
    },
    drop: (held) => {
      if (leases.get(held.reference.evaluation) === held) leases.delete(held.reference.evaluation);
    },
    held: () => [...leases.values()],
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
