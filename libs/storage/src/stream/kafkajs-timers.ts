/**
 * Imported for what it does: kafkajs 2.2.4 looks for waiting requests of every connection each millisecond, for as long as it lives and though none wait, by a timer
 * that it sets to a negative time (Node warns of that once). Several connections a process made that a few per cent of a processor in an idle cluster.
 * Here it looks while some wait: one that comes to wait sets the timer itself.
 */
import { createRequire } from 'node:module';

interface RequestQueue {
  /** Requests that are not sent yet. */
  readonly pending: readonly unknown[];
  /** Sets a timer for the next look, unless one is set. */
  scheduleCheckPendingRequests: () => void;
}

const { prototype } = createRequire(import.meta.url)('kafkajs/src/network/requestQueue/index.js') as { readonly prototype: RequestQueue };
const schedule = prototype.scheduleCheckPendingRequests;

prototype.scheduleCheckPendingRequests = function scheduleWhileSomeWait(this: RequestQueue): void {
  if (this.pending.length > 0) schedule.call(this);
};
