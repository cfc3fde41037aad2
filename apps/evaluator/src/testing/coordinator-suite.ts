/** What suites of the coordinator share: one database for all tests, a fresh coordinator for each, and calls in a few words. */
import { evaluation } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { statusToDomainError } from '@nat/service';
import type { Database } from '@nat/storage';
import { testDatabases, type TestDatabase } from '@nat/storage/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from 'vitest';
import type { CoordinatorConfig } from '../config.ts';
import { evaluationKindToWire, toDuration, type EvaluationKindName } from '@nat/convert';
import { eventually } from './eventually.ts';
import { cellCandidates, PARENT, publishedEvents, startCoordinatorHarness, tabularSpec, type CoordinatorHarness } from './coordinator-harness.ts';

/** Long enough for a busy machine; tests of what happens when a lease expires shorten it. */
export const LEASE_MS = 30_000;
export const RENEW_MS = 100;
const config: Partial<CoordinatorConfig> = {
  leaseMs: LEASE_MS,
  renewMs: RENEW_MS,
  reapMs: 50,
  pollMs: 100,
  retryBackoffMs: 600,
  noCapableWorkerMs: 0,
  workerTimeoutMs: 20_000,
};

/** The kind and reason that a call is refused with. */
export async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (isDomainError(error)) return `${error.kind} ${error.reason}`;
    throw error;
  }
  return 'not refused';
}

/** Why an evaluation waits, `REASON: message`; empty: for a worker to be free. */
export function waitOf({ queueStatus }: evaluation.Evaluation): string {
  if (queueStatus === undefined) return '';
  const { reason, message } = statusToDomainError(queueStatus);
  return `${reason}: ${message}`;
}

/** The last segments of the names that were leased. */
export function idsOf(leases: readonly evaluation.Lease[]): string[] {
  return leases.map((one) => one.evaluation.split('/').at(-1)!);
}

/** Kinds as the contract names them. */
export function kindsOf(...kinds: readonly EvaluationKindName[]): evaluation.EvaluationKind[] {
  return kinds.map(evaluationKindToWire);
}

export function referenceOf(lease: evaluation.Lease): evaluation.LeaseReference {
  return { evaluation: lease.evaluation, token: lease.token };
}

export function clientsOf({ channel }: CoordinatorHarness) {
  return { submitter: channel.client(evaluation.EvaluationServiceDefinition), workers: channel.client(evaluation.WorkerServiceDefinition) };
}

export type CoordinatorSuite = ReturnType<typeof coordinatorSuite>;

/** Runs the tests on every database; those of one that is missing are skipped. */
export function describeCoordinator(title: string, tests: (suite: CoordinatorSuite) => void): void {
  describe.each(testDatabases)(`${title} on $title`, (database) => {
    tests(coordinatorSuite(database));
  });
}

function coordinatorSuite({ skip, open }: (typeof testDatabases)[number]) {
  let databases: TestDatabase;
  let harness: CoordinatorHarness;
  let clients: ReturnType<typeof clientsOf>;
  let serial = 0;
  let capability = '';
  const harnesses: CoordinatorHarness[] = [];

  const start = async (overrides: Partial<CoordinatorConfig> = {}, database: Database = databases.database): Promise<CoordinatorHarness> => {
    const started = await startCoordinatorHarness({ database, config: { ...config, ...overrides } });
    harnesses.push(started);
    return started;
  };

  beforeAll(async () => {
    if (!skip) databases = await open();
  });
  afterAll(async () => {
    if (!skip) await databases.dispose();
  });
  beforeEach(async () => {
    if (skip) return;
    capability = `test:${++serial}`;
    harness = await start();
    clients = clientsOf(harness);
  });
  afterEach(async () => {
    for (const one of harnesses.splice(0)) await one.stop();
  });

  const testHere: (title: string, body: () => Promise<void>) => void = test.skipIf(skip);
  return {
    test: testHere,
    databases: () => databases,
    /** The coordinator of this test. */
    harness: () => harness,
    submitter: () => clients.submitter,
    workers: () => clients.workers,
    /** Each test has one of its own, so that no test leases what another one left. */
    capability: () => capability,
    /** The name of a search that no other test uses. */
    searchOf: (id: string): string => `${PARENT}/searches/${id}-${serial}`,
    /** One more coordinator on the database. */
    start,
    /** One more, that the calls go to from now on. */
    startAnother: async (overrides: Partial<CoordinatorConfig>): Promise<CoordinatorHarness> => {
      const started = await start(overrides);
      clients = clientsOf(started);
      return started;
    },
    register: async (workerId: string, capabilities: readonly string[] = [], instance = ''): Promise<void> => {
      await clients.workers.registerWorker({
        workerId,
        capabilities: ['table:nasbench201', capability, ...capabilities],
        kinds: kindsOf('tabular', 'shared-weights', 'train-shard'),
        instance,
      });
    },
    submit: async (id: string, overrides: Partial<evaluation.EvaluationSpec> = {}, candidates = cellCandidates(id, 2)) => {
      const spec = tabularSpec(candidates, { capabilities: [capability], ...overrides });
      const { names } = await clients.submitter.submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: id, spec }] });
      return { name: names[0]!, candidates, spec };
    },
    lease: async (
      workerId: string,
      { waitMs = 0, maxCount = 1, loadedWeights = [] }: { readonly waitMs?: number; readonly maxCount?: number; readonly loadedWeights?: string[] } = {},
    ): Promise<evaluation.Lease[]> => (await clients.workers.leaseEvaluations({ workerId, maxCount, wait: toDuration(waitMs), loadedWeights })).leases,
    complete: async (one: evaluation.Lease, outcome: evaluation.Outcome): Promise<evaluation.EvaluationState> =>
      (await clients.workers.completeEvaluation({ lease: referenceOf(one), outcome })).state,
    get: (name: string): Promise<evaluation.Evaluation> => clients.submitter.getEvaluation({ name }),
    /** Resolves when so many workers wait for work at a coordinator. */
    untilWaiting: (count: number, { registry }: Pick<CoordinatorHarness, 'registry'> = harness): Promise<string> =>
      eventually(
        () => registry.metrics(),
        (metrics) => metrics.includes(`nat_workers_waiting ${count}\n`),
      ),
    eventsOf: async (name: string) => (await publishedEvents(databases.database)).filter(({ id }) => id === name),
  };
}
