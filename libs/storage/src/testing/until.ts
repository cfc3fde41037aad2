import { setTimeout as pause } from 'node:timers/promises';

/** Waits for what must become true on a machine of any speed. */
export async function until(condition: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${condition.toString()}`);
    await pause(5);
  }
}
