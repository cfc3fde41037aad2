/** `npm run soak [-- --minutes N --every SECONDS --json]`: search after search on a real cluster whose processes are killed at random; nothing may be lost and memory stays flat. */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { RandomStream } from '@nat/base/random';
import { onInterrupt } from '@nat/service';
import type { Member } from '../../../../tools/cluster/cluster.mjs';
import { verify } from '../faults/checks.ts';
import { openTestbed, startSearch } from '../faults/testbed.ts';

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    every: { type: 'string', default: '20' },
    seed: { type: 'string', default: '0' },
    json: { type: 'boolean', default: false },
  },
});
const minutes = Number(flags.minutes);
const everyMs = 1_000 * Number(flags.every);
if (!(minutes > 0) || !(everyMs > 0)) {
  process.stderr.write('nat: --minutes and --every are numbers above 0\n');
  process.exit(2);
}
const say = (line: string): void => {
  if (!flags.json) process.stdout.write(`${line}\n`);
};

/** Resident memory, bytes; undefined while it does not run. */
function residentBytes({ program }: Member): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${program.pid() ?? 0}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : 1024 * Number(kib);
  } catch {
    return undefined;
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
/** What memory may grow between the second and the last quarter of the run: caches that fill, garbage not yet collected. */
const MAY_GROW = 1.25;

const bed = await openTestbed(join(tmpdir(), `nat-soak-${process.pid}`));
// The first replica of each kind lives through the run, so that its memory can be watched; whatever else there is may die.
const watched = bed.cluster.members.filter(({ name }) => name.endsWith('-1'));
const mortal = bed.cluster.members.filter((member) => !watched.includes(member));
const samples = new Map<Member, number[]>(watched.map((member) => [member, []]));
const stream = RandomStream.of(Number(flags.seed), 'soak');
const stop = new AbortController();
onInterrupt(() => {
  stop.abort();
});
const stopped = (): boolean => stop.signal.aborted;
const kills = new Map<string, number>();
const killed = (): number => [...kills.values()].reduce((sum, count) => sum + count, 0);
let searches = 0;
let candidates = 0;
const problems: string[] = [];

const reference = await verify(bed, await startSearch(bed), undefined);
const endsAt = performance.now() + 60_000 * minutes;

async function kill(): Promise<void> {
  while (!stopped()) {
    await pause(everyMs * (0.5 + stream.uniform()), undefined, { signal: stop.signal }).catch(() => undefined);
    if (stopped()) return;
    const victim = mortal[stream.integer(mortal.length)]!;
    victim.program.kill('SIGKILL');
    kills.set(victim.kind, (kills.get(victim.kind) ?? 0) + 1);
  }
}
async function sample(): Promise<void> {
  while (!stopped()) {
    for (const [member, values] of samples) {
      const bytes = residentBytes(member);
      if (bytes !== undefined) values.push(bytes);
    }
    await pause(5_000, undefined, { signal: stop.signal }).catch(() => undefined);
  }
}

const beside = Promise.all([kill(), sample()]);
try {
  while (!stopped() && performance.now() < endsAt) {
    try {
      candidates += (await verify(bed, await startSearch(bed), reference)).candidates;
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
      say(`search ${searches + 1}: ${problems.at(-1) ?? ''}`);
    }
    searches += 1;
    if (searches % 10 === 0) say(`${searches} searches, ${candidates} candidates, ${killed()} kills, ${problems.length} problems`);
  }
} finally {
  stop.abort();
  await beside;
  await bed.close();
}

const memory = watched.map((member) => {
  const values = samples.get(member)!;
  const quarter = Math.floor(values.length / 4);
  const before = median(values.slice(quarter, 2 * quarter));
  const after = median(values.slice(3 * quarter));
  return { name: member.name, beforeMb: before / 1e6, afterMb: after / 1e6, grew: after / before, flat: values.length < 8 || after / before <= MAY_GROW };
});
for (const { name, beforeMb, afterMb, flat } of memory)
  say(`${name.padEnd(14)} ${beforeMb.toFixed(0)} MB, at the end ${afterMb.toFixed(0)} MB${flat ? '' : '  GREW'}`);
const result = { minutes, searches, candidates, kills: Object.fromEntries(kills), problems, memory };
if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
const failed = problems.length > 0 || searches === 0 || memory.some(({ flat }) => !flat);
process.stdout.write(
  `${searches} searches, ${candidates} candidates counted once each, ${killed()} processes killed: ${failed ? `FAILED (${problems.length} problems)` : 'nothing lost, memory flat'}\n`,
);
// Clients of servers that were killed may still wait for them.
process.exit(failed ? 1 : 0);
