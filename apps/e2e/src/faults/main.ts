/** `npm run faults [-- --only TEXT --json --publish]`: breaks a real cluster in every stated way and checks after each that nothing was lost. */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { search as wire } from '@nat/contracts';
import { onInterrupt } from '@nat/service';
import { ROOT } from '../testing/nat.ts';
import { verify, within } from './checks.ts';
import { reliabilityPage, type FaultResult } from './page.ts';
import { FAULTS } from './rows.ts';
import { openTestbed, startSearch } from './testbed.ts';

const { values: flags } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean', default: false }, publish: { type: 'boolean', default: false } },
});
const say = (line: string): void => {
  if (!flags.json) process.stdout.write(`${line}\n`);
};

const rows = FAULTS.filter(({ fault, when }) => flags.only === undefined || `${fault}, ${when}`.includes(flags.only));
if (rows.length === 0) {
  process.stderr.write(`nat: --only ${String(flags.only)} is in no row of docs/reliability.md\n`);
  process.exit(2);
}

const bed = await openTestbed(join(tmpdir(), `nat-faults-${process.pid}`), 'small');
const results: FaultResult[] = [];
const interrupt = new AbortController();
onInterrupt(() => {
  interrupt.abort();
});
const interrupted = (): boolean => interrupt.signal.aborted;
try {
  const reference: wire.Search = await verify(bed, await startSearch(bed), undefined);
  say(`undisturbed: ${reference.candidates} candidates, policy ${reference.policySha256.slice(0, 16)}`);
  for (const { fault, when, repeatable = true, unavailable, run } of rows) {
    if (interrupted()) break;
    const since = performance.now();
    const reason = unavailable?.(bed);
    let problem: string | undefined;
    if (reason === undefined) {
      try {
        await verify(bed, await within(run(bed), 'the row is through'), repeatable ? reference : undefined);
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
      }
      await bed.heal();
    }
    const seconds = (performance.now() - since) / 1000;
    const outcome = reason !== undefined ? 'skipped' : problem === undefined ? 'holds' : 'FAILED';
    results.push({ fault, when, outcome, seconds, detail: reason ?? problem ?? '' });
    say(`${outcome.padEnd(8)} ${seconds.toFixed(1).padStart(6)} s  ${fault}, ${when}${outcome === 'holds' ? '' : `: ${reason ?? problem ?? ''}`}`);
  }
} finally {
  await bed.close();
}
const count = (wanted: FaultResult['outcome']): number => results.filter(({ outcome }) => outcome === wanted).length;
if (flags.publish) writeFileSync(join(ROOT, 'docs', 'reliability.md'), reliabilityPage(results));
if (flags.json) process.stdout.write(`${JSON.stringify(results)}\n`);
process.stdout.write(`${count('holds')} hold, ${count('FAILED')} failed, ${count('skipped')} skipped\n`);
// Clients of servers that were killed may still wait for them.
process.exit(count('FAILED') > 0 || interrupted() ? 1 : 0);
