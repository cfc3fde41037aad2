import { setTimeout as sleep } from 'node:timers/promises';
import type { search as wire } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { startProgress } from '../terminal/progress.ts';
import type { Session } from '@nat/platform/session';
import type { Terminal } from '../terminal/terminal.ts';

/** How often a stream that broke is taken up again without a step in between, and the pause before it, milliseconds. */
const MAX_RECONNECTS = 30;
const RECONNECT_MS = 1_000;

/** Shows steps as they come, until the search has ended, and gives its last state. A stream that breaks is taken up after the last step seen. */
export async function followSearch(terminal: Terminal, session: Session, search: wire.Search): Promise<wire.Search> {
  const progress = startProgress(terminal, 'search', search.spec?.steps ?? 0);
  let current = search;
  let seen = search.step;
  let reconnects = 0;
  try {
    for (;;) {
      try {
        for await (const { event } of session.clients.searches.watchSearch({ name: search.name, fromStep: seen + 1 })) {
          if (event?.$case === 'step') {
            seen = event.value.step;
            reconnects = 0;
            progress.update(seen, `reward ${event.value.meanReward.toFixed(3)} entropy ${event.value.entropy.toFixed(2)}`);
          } else if (event?.$case === 'search') {
            current = event.value;
          }
        }
        return current;
      } catch (error) {
        if (!isDomainError(error) || error.kind !== 'UNAVAILABLE' || reconnects >= MAX_RECONNECTS) throw error;
        reconnects++;
        await sleep(RECONNECT_MS);
      }
    }
  } finally {
    progress.stop();
  }
}
