import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from './fleet.ts';
import type { Run } from './testbed.ts';

const POLL_MS = 50;
/** Without an outcome for so long, something is broken. */
const STALLED_MS = 120_000;

/**
 * Submits evaluations while the fleet works, so far ahead that every worker finds as many as it leases at once, until all are done.
 * @param onMilestone called when so many are done, one after the other
 */
export async function drive(
  run: Run,
  fleet: Fleet,
  {
    total,
    ahead,
    milestones = [],
    onMilestone,
  }: { total: number; ahead: number; milestones?: readonly number[]; onMilestone?: (done: number) => Promise<void> },
): Promise<void> {
  const before = fleet.totals().completed;
  let waiting = [...milestones];
  let last = { done: 0, at: performance.now() };
  for (;;) {
    const done = fleet.totals().completed - before;
    if (done !== last.done) last = { done, at: performance.now() };
    else if (performance.now() - last.at > STALLED_MS) throw new Error(`no outcome for ${STALLED_MS / 1000} s: ${done} of ${total} are done`);
    const [next] = waiting;
    if (next !== undefined && done >= next) {
      waiting = waiting.slice(1);
      await onMilestone?.(next);
    }
    if (done >= total && waiting.length === 0) return;
    const missing = Math.min(total, done + ahead) - run.submitted();
    if (missing > 0) await run.submit(Math.min(missing, 1_000));
    else await sleep(POLL_MS);
  }
}
