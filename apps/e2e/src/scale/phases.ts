/** What `npm run scale` measures, one phase after the other. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../testing/processes.ts';
import { drive } from './drive.ts';
import { startFleet, type Fleet } from './fleet.ts';
import { databaseNow, quantile, readMemory, readStored, readWindows, type Stored, type Window } from './measure.ts';
import type { Run, ScaleTestbed } from './testbed.ts';

/** Evaluations that a worker of short ones leases at once, as `worker.quickLeases` has it. */
export const LEASES = 16;
/** Processes of simulated workers. */
const PROCESSES = 2;

/** What was seen when so many outcomes were stored. */
export interface Milestone {
  readonly stored: number;
  readonly window: Window;
  readonly leaseP50Ms: number;
  readonly leaseP99Ms: number;
  readonly completeP50Ms: number;
  readonly completeP99Ms: number;
  readonly bytes: Stored;
  readonly memory: ReadonlyMap<string, number>;
  readonly workersBytes: number;
}

export async function openFleet(bed: ScaleTestbed, workers: number, leases: number, workMs: number): Promise<Fleet> {
  const fleet = startFleet({ server: bed.coordinators, workers, processes: PROCESSES, leases, workMs, blobs: bed.blobs });
  await until('every worker is registered', () => fleet.totals().registered === workers);
  return fleet;
}

/** Runs evaluations without work in them as fast as they go, and looks at the cluster at each milestone. */
export async function measureGrowth(
  bed: ScaleTestbed,
  fleet: Fleet,
  { total, candidates, milestones }: { readonly total: number; readonly candidates: number; readonly milestones: readonly number[] },
): Promise<{ readonly run: Run; readonly milestones: readonly Milestone[] }> {
  const run = await bed.newRun(candidates);
  const before = await readStored(bed.database, bed.cluster);
  const since = await databaseNow(bed.database);
  const seen: Omit<Milestone, 'window'>[] = [];
  fleet.takeLatencies();
  await drive(run, fleet, {
    total,
    ahead: fleet.workers * LEASES + 4_000,
    milestones,
    onMilestone: async (stored) => {
      const memory = readMemory(bed.cluster);
      const { lease, complete } = fleet.takeLatencies();
      const now = await readStored(bed.database, bed.cluster);
      seen.push({
        stored,
        leaseP50Ms: quantile(lease, 0.5),
        leaseP99Ms: quantile(lease, 0.99),
        completeP50Ms: quantile(complete, 0.5),
        completeP99Ms: quantile(complete, 0.99),
        bytes: Object.fromEntries(Object.entries(now).map(([name, bytes]) => [name, bytes - before[name as keyof Stored]])) as unknown as Stored,
        memory,
        workersBytes: fleet.totals().residentBytes,
      });
    },
  });
  await inboxHas(bed, run);
  const windows = await readWindows(
    bed.database,
    run.search,
    since,
    milestones.map((to, i) => ({ from: milestones[i - 1] ?? 0, to })),
  );
  return { run, milestones: seen.map((one, i) => ({ ...one, window: windows[i]! })) };
}

/** Waits until the learner has taken in everything of a run. */
async function inboxHas({ database }: ScaleTestbed, run: Run): Promise<void> {
  await until('the inbox has every outcome', async () => {
    const { rows } = await database.query(
      `select from policy.evaluation e join policy.round r on r.ordinal = e.round join policy.search s on s.ordinal = r.search
      where s.namespace || '/searches/' || s.search_id = $1 and e.state = 'PENDING' limit 1`,
      [run.search],
    );
    return rows.length === 0;
  });
}

/** Of a run: evaluations submitted, outcomes stored, their events in the topic, and what the inbox has. */
export interface Counts {
  readonly submitted: number;
  readonly outcomes: number;
  readonly received: number;
  readonly candidates: number;
}

export async function countRun({ database }: ScaleTestbed, run: Run): Promise<Counts> {
  const { rows } = await database.query<Omit<Counts, 'submitted'>>(
    `with rounds as (
       select r.ordinal from policy.round r join policy.search s on s.ordinal = r.search where s.namespace || '/searches/' || s.search_id = $1)
     select (select count(*)::int from evaluator.evaluation where search = $1 and state = 'SUCCEEDED' and outcome is not null) as outcomes,
       (select count(*)::int from policy.evaluation where round in (select ordinal from rounds) and state = 'SUCCEEDED') as received,
       (select count(*)::int from policy.outcome where round in (select ordinal from rounds) and failure is null) as candidates`,
    [run.search],
  );
  return { submitted: run.submitted(), ...rows[0]! };
}

export interface Utilisation {
  readonly workers: number;
  readonly workMs: number;
  readonly seconds: number;
  /** Share of the workers' time in which an evaluation ran. */
  readonly share: number;
  readonly leaseP50Ms: number;
  readonly leaseP99Ms: number;
}

/** How busy workers are that run one evaluation of a fixed time after the other, while there is always one more. */
export async function measureUtilisation(bed: ScaleTestbed, workers: number, workMs: number, seconds: number): Promise<Utilisation & { readonly run: Run }> {
  const fleet = await openFleet(bed, workers, 1, workMs);
  try {
    const run = await bed.newRun(1);
    const settleSeconds = 5;
    const total = Math.ceil(((seconds + settleSeconds + 3) * workers * 1_000) / workMs);
    const driving = drive(run, fleet, { total, ahead: 4 * workers });
    await until('the workers are at work', () => fleet.totals().completed > 0);
    await sleep(1_000 * settleSeconds);
    fleet.takeLatencies();
    const before = { at: performance.now(), ...fleet.totals() };
    await sleep(1_000 * seconds);
    const after = { at: performance.now(), ...fleet.totals() };
    const { lease } = fleet.takeLatencies();
    await driving;
    await inboxHas(bed, run);
    const share = (after.busyMs - before.busyMs) / ((after.at - before.at) * workers);
    return { run, workers, workMs, seconds, share, leaseP50Ms: quantile(lease, 0.5), leaseP99Ms: quantile(lease, 0.99) };
  } finally {
    await fleet.stop();
  }
}
