import { type search as wire } from '@nat/contracts';
import type { Waiter } from '@nat/base/notify';
import { findSearch, isFinal, readSteps } from '../store/search-store.ts';
import type { Reader } from '../store/tables.ts';
import { searchToWire, stepToWire } from '../store/search-wire.ts';

const STEPS_A_LOOK = 500;

export interface WatchOptions {
  readonly namespace: string;
  readonly searchId: string;
  /** The first step wanted. */
  readonly fromStep: number;
  /** Notified when any search changes. */
  readonly changes: Waiter;
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/** Steps from the one asked for, then as they come, and every change of state; ends after a final one. Each step comes once, in order. */
export async function* watchSearch(reader: Reader, options: WatchOptions): AsyncGenerator<wire.WatchSearchResponse, void, undefined> {
  const { namespace, searchId, changes, pollMs, signal } = options;
  let next = options.fromStep;
  let shown: string | undefined;
  for (;;) {
    signal.throwIfAborted();
    changes.reset();
    // The state first: all steps of a final state are there when it is read.
    const row = await findSearch(reader, namespace, searchId);
    for (;;) {
      const steps = await readSteps(reader, row.ordinal, next, STEPS_A_LOOK);
      for (const step of steps) yield { event: { $case: 'step', value: stepToWire(step) } };
      next = (steps.at(-1)?.step ?? next - 1) + 1;
      if (steps.length < STEPS_A_LOOK) break;
    }
    if (row.state !== shown) {
      shown = row.state;
      yield { event: { $case: 'search', value: searchToWire(row) } };
    }
    if (isFinal(row.state)) return;
    await changes.wait(pollMs, signal);
  }
}
