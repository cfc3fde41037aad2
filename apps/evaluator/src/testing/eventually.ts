import { setTimeout as sleep } from 'node:timers/promises';

/** Reads until the value is accepted. @throws Error with the last value when that takes too long */
export async function eventually<T>(read: () => Promise<T>, accept: (value: T) => boolean, withinMs = 180_000): Promise<T> {
  for (const end = performance.now() + withinMs; ;) {
    const value = await read();
    if (accept(value)) return value;
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(value)}`);
    await sleep(20);
  }
}
