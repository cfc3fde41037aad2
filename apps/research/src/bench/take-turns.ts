/** Our side of `inTurns`. */
import { createInterface } from 'node:readline';

/** Says its version, then does a piece of work for each line on standard input and says how long it took. @param work gives a number of what it did, so that contestants can be compared */
export async function takeTurns(version: string, work: () => number | Promise<number>): Promise<void> {
  process.stdout.write(`${JSON.stringify({ version })}\n`);
  const asked = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  while ((await asked.next()).done !== true) {
    const start = performance.now();
    const value = await work();
    process.stdout.write(`${JSON.stringify({ ms: performance.now() - start, value, rssMb: process.resourceUsage().maxRSS / 1024 })}\n`);
  }
}
