/** The faults: each breaks something while a search runs, mends it, and leaves the checks to `verify`. */
import { randomUUID } from 'node:crypto';
import { appendFileSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { evaluation } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { FAILPOINTS, type Failpoint } from '@nat/base/failpoints';
import type { Kind, Member } from '../../../../tools/cluster/cluster.mjs';
import { until } from '../testing/processes.ts';
import { LEASE_MS, SMALL_MB, startSearch, type StartedSearch, type Testbed } from './testbed.ts';

export interface FaultRow {
  readonly fault: string;
  readonly when: string;
  /** False: the search need not end as if nothing had happened, to the bit. @default true */
  readonly repeatable?: boolean;
  /** Why it cannot be tried here; undefined: it can. */
  readonly unavailable?: (bed: Testbed) => string | undefined;
  /** Gives the search that went through it. */
  readonly run: (bed: Testbed) => Promise<StartedSearch>;
}

/** In words. */
const POINTS: Readonly<Record<Failpoint, string>> = {
  'policy.drawn': 'between draw and submit',
  'worker.leased': 'between lease and outcome',
  'outbox.stored': 'between outcome and publish',
  'policy.inbox': 'between inbox and offset commit',
  'policy.learned': 'between learning and commit',
};

const KILLED: Readonly<Partial<Record<Kind, string>>> = {
  policy: 'both policy services',
  evaluator: 'both coordinators',
  worker: 'both workers',
  registry: 'both registries',
  metrics: 'both metrics services',
  kafka: 'the broker',
  postgres: 'PostgreSQL',
  gateway: 'the gateway',
};

/** Somebody who asks just before the fault. Each must get the answer after it. */
function bystanders({ clients }: Testbed): Promise<unknown> {
  const parent = 'namespaces/default';
  const id = randomUUID().slice(0, 8);
  return Promise.all([
    clients.transforms.transformArchitecture({ parent, source: { ref: { $case: 'zoo', value: 'DARTS' } }, options: { policy: 'nat', greedy: true } }),
    clients.architectures.createArchitecture({
      parent,
      architectureId: `by-${id}`,
      source: { ref: { $case: 'zoo', value: 'ENAS' }, displayName: id },
      requestId: randomUUID(),
    }),
    clients.metrics.listRunSummaries({ parent, pageSize: 1 }),
    clients.evaluations.listEvaluations({ parent, pageSize: 1 }),
  ]);
}

const signalAll = (members: readonly Member[], signal: NodeJS.Signals): void => {
  for (const { program } of members) program.kill(signal);
};

function killRow(kind: Kind, point: Failpoint, mode: 'synchronous' | 'asynchronous' = 'synchronous'): FaultRow {
  const synchronous = mode === 'synchronous';
  return {
    fault: `kill -9 of ${KILLED[kind] ?? kind}${synchronous ? '' : ' in an asynchronous search'}`,
    when: POINTS[point],
    repeatable: synchronous,
    run: async (bed) => {
      const search = await startSearch(bed, mode);
      await search.learned(2);
      const held = await bed.hold(point);
      const asked = bystanders(bed);
      asked.catch(() => undefined);
      await pause(20); // they are on their way
      signalAll(bed.membersOf(kind), 'SIGKILL');
      held.release();
      await asked;
      return search;
    },
  };
}

/** Stops one process for longer than its lease, lets the others go on, and wakes it up again. */
function stopRow(who: string, point: Failpoint): FaultRow {
  return {
    fault: `SIGSTOP of ${who} for longer than its lease`,
    when: POINTS[point],
    run: async (bed) => {
      const search = await startSearch(bed);
      await search.learned(2);
      const held = await bed.hold(point);
      process.kill(held.pid, 'SIGSTOP');
      try {
        held.release();
        // The others end the search without it, as long as it takes.
        await Promise.race([search.ended, pause(60_000)]);
        await pause(LEASE_MS);
      } finally {
        process.kill(held.pid, 'SIGCONT');
      }
      await pause(1_000); // it says what it has to say
      return search;
    },
  };
}

function partitionRow(from: Kind | 'all', to: Kind, words: string): FaultRow {
  return {
    fault: `network between ${words} drops everything`,
    when: 'for 6 s in the middle of the search',
    run: async (bed) => {
      const search = await startSearch(bed);
      await search.learned(2);
      bed.setLinks(from, to, 'cut');
      await pause(2 * LEASE_MS);
      bed.setLinks(from, to, 'pass');
      return search;
    },
  };
}

const PARTITIONS: readonly FaultRow[] = [
  partitionRow('policy', 'evaluator', 'policy and coordinators'),
  partitionRow('policy', 'postgres', 'policy and PostgreSQL'),
  partitionRow('policy', 'metrics', 'policy and metrics'),
  partitionRow('policy', 'registry', 'policy and registry'),
  partitionRow('evaluator', 'postgres', 'coordinators and PostgreSQL'),
  partitionRow('worker', 'evaluator', 'workers and coordinators'),
  partitionRow('gateway', 'policy', 'gateway and policy'),
  partitionRow('gateway', 'evaluator', 'gateway and coordinators'),
  partitionRow('metrics', 'postgres', 'metrics and PostgreSQL'),
  partitionRow('registry', 'postgres', 'registry and PostgreSQL'),
  partitionRow('all', 'kafka', 'everybody and the broker'),
];

const slowDatabase: FaultRow = {
  fault: 'PostgreSQL answers 40 ms late',
  when: 'all the time',
  run: async (bed) => {
    for (const kind of ['policy', 'evaluator', 'metrics', 'registry'] as const) bed.setLinks(kind, 'postgres', { delayMs: 20 });
    const search = await startSearch(bed);
    await search.ended;
    return search;
  },
};

const fullDisk: FaultRow = {
  fault: 'the disk of the blobs is full',
  when: 'for 5 s in the middle of the search',
  unavailable: ({ blobs }) => {
    const { blocks, bsize } = statfsSync(blobs);
    return blocks * bsize <= SMALL_MB * 2 ** 20 ? undefined : 'the blobs have no small file system of their own (mounting one needs root)';
  },
  run: async (bed) => {
    const search = await startSearch(bed);
    await search.learned(2);
    const filler = join(bed.blobs, 'filler');
    try {
      for (;;) appendFileSync(filler, Buffer.alloc(65_536));
    } catch {
      // full
    }
    await pause(5_000);
    rmSync(filler);
    return search;
  },
};

const messages: readonly FaultRow[] = [
  {
    fault: 'messages come twice, the last first',
    when: 'all the time',
    run: async (bed) => {
      const search = await startSearch(bed);
      const still = Symbol();
      while ((await Promise.race([search.ended, pause(100, still)])) === still) await bed.topic.send([...bed.topic.messagesOf(search.name)].reverse());
      await bed.topic.send([...bed.topic.messagesOf(search.name)].reverse().slice(0, 64));
      return search;
    },
  },
  {
    fault: 'messages come late',
    when: 'one batch by 6 s, long after a sweep asked for it',
    run: async (bed) => {
      const search = await startSearch(bed);
      await search.learned(2);
      const held = await bed.hold('outbox.stored');
      await pause(2 * LEASE_MS);
      held.release();
      return search;
    },
  },
  {
    fault: 'corrupt messages: random bytes, no headers, a truncated event',
    when: 'in the middle of the search',
    run: async (bed) => {
      const before = await bed.topic.deadLetters();
      const search = await startSearch(bed);
      await search.learned(2);
      const [good] = bed.topic.messagesOf(search.name);
      if (good === undefined) throw new Error('the topic has no message of the search');
      const { key, headers, value } = good;
      await bed.topic.send([
        { key, headers, value: Buffer.from('ffffffffffffffffffff', 'hex') },
        { key, headers: {}, value },
        { key, headers, value: value.subarray(0, value.length - 7) },
      ]);
      await until('they are among the dead letters', async () => (await bed.topic.deadLetters()) >= before + 3);
      return search;
    },
  },
  {
    fault: 'a message that contradicts an outcome which was counted',
    when: 'in the middle of the search',
    run: async (bed) => {
      const search = await startSearch(bed);
      await search.learned(3);
      const lies = bed.topic
        .messagesOf(search.name)
        .slice(0, 4)
        .map(({ key, headers, value }) => {
          const event = evaluation.OutcomeEvent.decode(value);
          if (event.outcome?.result?.$case === 'succeeded') {
            for (const { result } of event.outcome.result.value.results) if (result?.$case === 'value') result.value += 50;
          }
          return { key, headers, value: Buffer.from(evaluation.OutcomeEvent.encode(event).finish()) };
        });
      await bed.topic.send(lies);
      return search;
    },
  },
];

function clockRow(words: string, jumps: Readonly<Partial<Record<Kind, number>>>): FaultRow {
  return {
    fault: `clocks jump: ${words}`,
    when: 'in the middle of the search',
    run: async (bed) => {
      const search = await startSearch(bed);
      await search.learned(2);
      for (const [kind, ms] of Object.entries(jumps) as [Kind, number][]) bed.setClock(kind, ms);
      await search.ended;
      return search;
    },
  };
}

/** Two workers hold one evaluation, one after the other, and report different numbers. */
const twoWorkers: FaultRow = {
  fault: 'two workers hold one evaluation and report different numbers',
  when: 'before the search, whose evaluations they could take too',
  run: async (bed) => {
    const { evaluations, workers } = bed.clients;
    const only = `only-${randomUUID().slice(0, 8)}`;
    const parent = 'namespaces/default';
    const candidates = [{ id: `${only}/0`, architecture: { ref: { $case: 'zoo' as const, value: 'DARTS' } } }];
    const spec = evaluation.EvaluationSpec.create({
      kind: { $case: 'tabular', value: { table: evaluation.BenchmarkTable.BENCHMARK_TABLE_NASBENCH201, column: 'c10_valid_200', candidates } },
      capabilities: [only],
    });
    const outcomeOf = (value: number): evaluation.Outcome =>
      evaluation.Outcome.create({
        result: { $case: 'succeeded', value: { results: [{ candidateId: `${only}/0`, result: { $case: 'value', value } }] } },
      });
    const kinds = [evaluation.EvaluationKind.EVALUATION_KIND_TABULAR];
    await evaluations.submitEvaluations({ parent, evaluations: [{ evaluationId: only, spec }] }, { retry: true });
    const lease = async (workerId: string) => {
      await workers.registerWorker({ workerId, capabilities: [only, 'table:nasbench201'], kinds, instance: workerId }, { retry: true });
      for (;;) {
        const { leases } = await workers.leaseEvaluations({ workerId, maxCount: 1, wait: { seconds: 5, nanos: 0 }, kinds }, { retry: true });
        if (leases[0] !== undefined) return { evaluation: leases[0].evaluation, token: leases[0].token };
      }
    };
    const first = await lease(`${only}-a`);
    const second = await lease(`${only}-b`); // once the first one has expired
    let refused: string | undefined;
    await workers.completeEvaluation({ lease: first, outcome: outcomeOf(2) }, { retry: true }).catch((error: unknown) => {
      refused = isDomainError(error) ? error.kind : String(error);
    });
    if (refused !== 'FAILED_PRECONDITION') throw new Error(`the worker with the old token got ${refused ?? 'through'}, not FAILED_PRECONDITION`);
    await workers.completeEvaluation({ lease: second, outcome: outcomeOf(3) }, { retry: true });
    const { outcome } = await evaluations.getEvaluation({ name: `${parent}/evaluations/${only}` });
    const counted = outcome?.result?.$case === 'succeeded' ? outcome.result.value.results[0]?.result?.value : undefined;
    if (counted !== 3) throw new Error(`the outcome is ${JSON.stringify(counted)}, not that of the lease that held`);
    return startSearch(bed);
  },
};

const KINDS = ['policy', 'evaluator', 'worker', 'registry', 'metrics', 'kafka', 'postgres'] as const;
const HOUR = 3_600_000;

/** The matrix, in the order of the page. */
export const FAULTS: readonly FaultRow[] = [
  ...KINDS.flatMap((kind) => FAILPOINTS.map((point) => killRow(kind, point))),
  killRow('gateway', 'policy.drawn'),
  killRow('policy', 'policy.drawn', 'asynchronous'),
  killRow('policy', 'policy.learned', 'asynchronous'),
  killRow('policy', 'policy.inbox', 'asynchronous'),
  killRow('worker', 'worker.leased', 'asynchronous'),
  killRow('postgres', 'policy.learned', 'asynchronous'),
  stopRow('the worker', 'worker.leased'),
  stopRow('the owner of the search', 'policy.drawn'),
  stopRow('the owner of the search', 'policy.learned'),
  stopRow('the coordinator that publishes', 'outbox.stored'),
  stopRow('the consumer of outcomes', 'policy.inbox'),
  ...PARTITIONS,
  slowDatabase,
  fullDisk,
  ...messages,
  clockRow('policy a day ahead', { policy: 24 * HOUR }),
  clockRow('coordinators an hour behind, workers an hour ahead', { evaluator: -HOUR, worker: HOUR }),
  twoWorkers,
];
