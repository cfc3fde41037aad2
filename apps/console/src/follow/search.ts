import type { search as wire } from '@nat/contracts';
import { isRepeatable } from '@nat/base/errors';
import { Backoff, type RetryPolicy } from '@nat/base/retry';
import { startProgress } from '../terminal/progress.ts';
import type { Session } from '@nat/platform/session';
import type { Terminal } from '../terminal/terminal.ts';

/** How a stream that broke is taken up again, counted from the last step that came. */
const RECONNECT: RetryPolicy = { initialIntervalMs: 1_000, backoffCoefficient: 1, maximumAttempts: 31 };

/** Shows steps as they come, until the search has ended, and gives its last state. A stream that breaks is taken up after the last step seen. */
export async function followSearch(terminal: Terminal, session: Session, search: wire.Search): Promise<wire.Search> {
  const progress = startProgress(terminal, 'search', search.effectiveSpec?.learner?.steps ?? 0);
  let current = search;
  let seen = search.step;
  const backoff = new Backoff(RECONNECT);
  try {
    for (;;) {
      try {
        for await (const { event } of session.clients.searches.watchSearch({ name: search.name, fromStep: seen + 1 })) {
          if (event?.$case === 'step') {
            seen = event.value.step;
            backoff.reset();
            progress.update(seen, `reward ${event.value.meanReward.toFixed(3)} entropy ${event.value.entropy.toFixed(2)}`);
          } else if (event?.$case === 'search') {
            current = event.value;
          }
        }
        return current;
      } catch (error) {
        if (!isRepeatable(error) || !(await backoff.pause())) throw error;
      }
    }
  } finally {
    progress.stop();
  }
}
