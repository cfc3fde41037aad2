import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Where a search may be held, from drawing to the step that learned. */
export const FAILPOINTS = [
  /** Owner of a search: the trials are committed, their evaluations not asked for. */
  'policy.drawn',
  /** Worker: it holds a lease and has not begun. */
  'worker.leased',
  /** Coordinator: outcomes are stored, and not published yet. */
  'outbox.stored',
  /** Consumer: outcomes are in the inbox, their offsets not committed. */
  'policy.inbox',
  /** Owner of a search: the step is learned, and not committed. */
  'policy.learned',
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

const folder = process.env['NAT_FAILPOINTS'];
const LOOK_MS = 10;

/** Waits here while a file with this name stands in the folder `NAT_FAILPOINTS`, which only tests set. */
export async function failpoint(name: Failpoint): Promise<void> {
  if (folder === undefined || folder === '') return;
  const file = join(folder, name);
  if (!existsSync(file)) return;
  try {
    writeFileSync(`${file}.reached`, String(process.pid), { flag: 'wx' });
  } catch {
    return; // another process is held here
  }
  while (existsSync(file)) await pause(LOOK_MS);
}
