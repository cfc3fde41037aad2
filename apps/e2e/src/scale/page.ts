import type { Bound } from './bounds.ts';
import type { Milestone } from './phases.ts';
import type { ScaleResult } from './result.ts';

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** The tables, in Markdown. */
export function scaleTable({ workers, leases, milestones, batched, utilisation, oursInTurns, peers, load }: ScaleResult): string {
  const row = (name: string, of: (milestone: Milestone) => string): string => `| ${name} | ${milestones.map(of).join(' | ')} |`;
  const each = (bytes: (milestone: Milestone) => number) => (milestone: Milestone) => (bytes(milestone) / milestone.stored).toFixed(0);
  const members = [...(milestones[0]?.memory.keys() ?? [])];
  const ours = mean(oursInTurns);
  return [
    `| outcomes stored | ${milestones.map(({ stored }) => stored.toLocaleString('en')).join(' | ')} |`,
    `|---|${milestones.map(() => '---:|').join('')}`,
    row('evaluations/s since the column before (one candidate each)', ({ window }) => window.evaluationsPerSecond.toFixed(0)),
    row(
      `lease call with work, up to ${leases} evaluations, p50 / p99, ms`,
      ({ leaseP50Ms, leaseP99Ms }) => `${leaseP50Ms.toFixed(0)} / ${leaseP99Ms.toFixed(0)}`,
    ),
    row('outcome delivered, p50 / p99, ms', ({ completeP50Ms, completeP99Ms }) => `${completeP50Ms.toFixed(0)} / ${completeP99Ms.toFixed(0)}`),
    row("learner's lag, outcome stored to inbox, p50 / p99, ms", ({ window }) => `${window.lagP50Ms.toFixed(0)} / ${window.lagP99Ms.toFixed(0)}`),
    row(
      'bytes an evaluation: queue table',
      each(({ bytes }) => bytes.queueBytes),
    ),
    row(
      'bytes an evaluation: inbox tables',
      each(({ bytes }) => bytes.inboxBytes),
    ),
    row(
      'bytes an evaluation: topic',
      each(({ bytes }) => bytes.topicBytes),
    ),
    row(
      'bytes an evaluation: write-ahead log',
      each(({ bytes }) => bytes.logBytes),
    ),
    row('outbox table, reused, MB', ({ bytes }) => mb(bytes.outboxBytes)),
    ...members.map((name) => row(`memory: ${name}, MB`, ({ memory }) => mb(memory.get(name) ?? NaN))),
    row(`memory: ${workers} simulated workers, MB`, ({ workersBytes }) => mb(workersBytes)),
    '',
    `With ${batched.candidatesAnEvaluation} candidates an evaluation: ${batched.evaluationsPerSecond.toFixed(0)} evaluations/s, ${(batched.evaluationsPerSecond * batched.candidatesAnEvaluation).toFixed(0)} candidates/s.`,
    '',
    `${utilisation.workers} workers, one evaluation of ${utilisation.workMs / 1_000} s at a time, for ${utilisation.seconds} s: busy ${(100 * utilisation.share).toFixed(1)} % of their time; a lease takes ${utilisation.leaseP50Ms.toFixed(0)} ms (p50), ${utilisation.leaseP99Ms.toFixed(0)} ms (p99).`,
    ...(peers.length === 0
      ? []
      : [
          '',
          '| in turns on the same machine | trials/s, each turn | ours is so many times that |',
          '|---|---:|---:|',
          `| ours, Kafka and PostgreSQL | ${oursInTurns.map((rate) => rate.toFixed(0)).join(', ')} | |`,
          ...peers.map(
            ({ name, perSecond }) => `| ${name} | ${perSecond.map((rate) => rate.toFixed(1)).join(', ')} | ${(ours / mean(perSecond)).toFixed(0)} |`,
          ),
        ]),
    '',
    `Load of the machine meanwhile (processes that want one of its processors, one-minute averages at the phases): ${load.least.toFixed(1)} to ${load.most.toFixed(1)}.`,
  ].join('\n');
}

const HEAD = `# Scale

\`npm run scale -- --publish\` writes this page. It starts Kafka, PostgreSQL, a coordinator, a policy service and the rest of a cluster on one machine, and runs
evaluations through all of it: they are noted with the learner and submitted while workers run, leased over gRPC, concluded in PostgreSQL together with
a row of the outbox, relayed to Kafka, and taken into the learner's inbox. Workers are the platform's own, each with its id and its connection, in two processes;
only the work is simulated, and answers at once. While everything that a worker runs is short, it leases one more for each, so that leases and reports take no time
from the work. Everything shares the processors of that machine: cluster, workers and whoever submits.

The time between two commits is read from PostgreSQL (\`track_commit_timestamp\`), so rates and lags are of what is durable. With more workers than the
machine can serve, a lease waits for its turn: workers times what each holds, over the rate. What a lease costs when the fleet is not starved is in the line on utilisation.

The peers keep trials and hand them out at random, over gRPC, to 16 clients that answer at once; Vizier gives as many at once as a worker of ours leases.
`;

/** The page of a run. */
export function scalePage(result: ScaleResult, bounds: readonly Bound[]): string {
  const rows = bounds.map(({ what, found, holds }) => `| ${what} | ${found} | ${holds ? 'holds' : 'MISSED'} |`);
  return `${HEAD}\n${scaleTable(result)}\n\n| bound | found | |\n|---|---|---|\n${rows.join('\n')}\n`;
}
