/** `npm run scale [-- --evaluations N --workers N --no-peers --json --publish]`: what a cluster of one machine carries, how that grows, and what others carry beside it. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openTopicReader } from '../faults/topic-reader.ts';
import { ROOT } from '../testing/nat.ts';
import { boundsOf } from './bounds.ts';
import { scalePage, scaleTable } from './page.ts';
import type { PeerRates, ScaleResult } from './result.ts';
import { openPeers } from './peers.ts';
import { countRun, LEASES, measureGrowth, measureUtilisation, openFleet } from './phases.ts';
import { openScaleTestbed, type Run } from './testbed.ts';

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    evaluations: { type: 'string', default: '100000' },
    workers: { type: 'string', default: '1000' },
    peers: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
  },
});
const wholeNumber = (name: string, text: string, least: number): number => {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  process.stderr.write(`nat: --${name} is a whole number from ${least}\n`);
  process.exit(2);
};
const total = wholeNumber('evaluations', flags.evaluations, 1_000);
const workers = wholeNumber('workers', flags.workers, 1);
const say = (line: string): void => {
  if (!flags.json) process.stdout.write(`${line}\n`);
};

/** Turns of ours and of each peer, and how long a peer's turn is. */
const [TURNS, TURN_SECONDS, TURN_EVALUATIONS] = [2, 8, 5_000];
/** Candidates of an evaluation where searches on tables put many into one. */
const BATCHED_CANDIDATES = 128;
const BATCHED_EVALUATIONS = 2_000;

const bed = await openScaleTestbed(join(tmpdir(), `nat-scale-${process.pid}-${randomUUID().slice(0, 4)}`));
const runs: Run[] = [];
const loads: number[] = [];
const noteLoad = (): void => void loads.push(loadavg()[0] ?? NaN);
let result: ScaleResult;
try {
  const fleet = await openFleet(bed, workers, LEASES, 0);
  noteLoad();
  const peers: PeerRates[] = [];
  const oursInTurns: number[] = [];
  if (flags.peers) {
    const others = await openPeers(bed.cluster.postgres());
    try {
      for (let turn = 0; turn < TURNS; turn += 1) {
        const ours = await measureGrowth(bed, fleet, { total: TURN_EVALUATIONS, candidates: 1, milestones: [TURN_EVALUATIONS] });
        runs.push(ours.run);
        oursInTurns.push(ours.milestones[0]!.window.evaluationsPerSecond);
        for (const peer of others.all) {
          const known = peers.find(({ name }) => name === peer.name) ?? { name: peer.name, perSecond: [] };
          if (known.perSecond.length === 0) peers.push(known);
          known.perSecond.push(await others.measure(peer, TURN_SECONDS, LEASES));
          say(`${peer.name}: ${known.perSecond.at(-1)?.toFixed(1) ?? ''} trials/s`);
        }
        noteLoad();
      }
    } finally {
      others.close();
    }
  }
  const milestones = [...new Set([1_000, 10_000, 100_000].filter((count) => count < total)), total];
  const growth = await measureGrowth(bed, fleet, { total, candidates: 1, milestones });
  runs.push(growth.run);
  noteLoad();
  const batched = await measureGrowth(bed, fleet, { total: BATCHED_EVALUATIONS, candidates: BATCHED_CANDIDATES, milestones: [BATCHED_EVALUATIONS] });
  runs.push(batched.run);
  await fleet.stop();
  const { run: utilised, ...utilisation } = await measureUtilisation(bed, 500, 1_000, 30);
  runs.push(utilised);
  noteLoad();

  const topic = await openTopicReader(bed.cluster.kafka());
  const counts = [];
  for (const run of runs) {
    const events = await topic.eventsOf(run.search);
    counts.push({
      ...(await countRun(bed, run)),
      candidatesAnEvaluation: run.candidatesAnEvaluation,
      inTopic: new Set(events.map(({ evaluation }) => evaluation)).size,
    });
  }
  await topic.close();
  result = {
    workers,
    leases: LEASES,
    milestones: growth.milestones,
    batched: { candidatesAnEvaluation: BATCHED_CANDIDATES, evaluationsPerSecond: batched.milestones[0]!.window.evaluationsPerSecond },
    utilisation,
    oursInTurns,
    peers,
    counts,
    load: { least: Math.min(...loads), most: Math.max(...loads) },
  };
} finally {
  await bed.close();
}
const bounds = boundsOf(result);
say(scaleTable(result));
for (const { what, found, holds } of bounds) say(`${holds ? 'holds' : 'MISSED'}  ${what}: ${found}`);
if (flags.publish) writeFileSync(join(ROOT, 'docs', 'scale.md'), scalePage(result, bounds));
if (flags.json)
  process.stdout.write(
    `${JSON.stringify({ ...result, milestones: result.milestones.map((one) => ({ ...one, memory: Object.fromEntries(one.memory) })), bounds })}\n`,
  );
const missed = bounds.filter(({ holds }) => !holds).length;
const last = result.milestones.at(-1)!;
process.stdout.write(
  `${last.stored} evaluations by ${workers} workers: ${last.window.evaluationsPerSecond.toFixed(0)}/s, utilisation ${(100 * result.utilisation.share).toFixed(1)} %; ${bounds.length - missed} bounds hold, ${missed} missed\n`,
);
process.exitCode = missed > 0 ? 1 : 0;
