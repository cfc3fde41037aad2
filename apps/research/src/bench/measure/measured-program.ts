/** What a program of ours that `interleave` measures does. */
import { createInterface } from 'node:readline';

/**
 * Says its version, then does a piece of work for each line on standard input and says how long it took.
 * @param work returns a number computed by the work, so that programs can be compared and nothing is optimised away
 */
export async function serveMeasurements(version: string, work: () => number | Promise<number>): Promise<void> {
  process.stdout.write(`${JSON.stringify({ version })}\n`);
  const asked = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  while ((await asked.next()).done !== true) {
    const start = performance.now();
    const value = await work();
    process.stdout.write(`${JSON.stringify({ ms: performance.now() - start, value, rssMb: process.resourceUsage().maxRSS / 1024 })}\n`);
  }
}
