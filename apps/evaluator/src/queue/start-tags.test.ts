import { evaluation } from '@nat/contracts';
import { testDatabases } from '@nat/storage/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cellCandidates, PARENT, startCoordinatorHarness, tabularSpec, type CoordinatorHarness } from '../testing/coordinator-harness.ts';
import { kindsOf } from '../testing/coordinator-suite.ts';

describe.each(testDatabases)('start tags on $title', ({ skip, open }) => {
  let harness: CoordinatorHarness;
  let close: () => Promise<void>;
  beforeAll(async () => {
    if (skip) return;
    const opened = await open();
    harness = await startCoordinatorHarness({ database: opened.database });
    close = async () => {
      await harness.stop();
      await opened.dispose();
    };
  });
  afterAll(async () => {
    if (!skip) await close();
  });

  const submit = (search: string, count: number, priority = 0) =>
    harness.channel.client(evaluation.EvaluationServiceDefinition).submitEvaluations({
      parent: PARENT,
      evaluations: Array.from({ length: count }, (_, i) => ({
        evaluationId: `${search}.${priority}.${i}`,
        spec: tabularSpec(cellCandidates(`${search}/${priority}/${i}`, 1), { search: `${PARENT}/searches/${search}`, priority }),
      })),
    });
  const lease = async (maxCount: number): Promise<readonly string[]> => {
    const workers = harness.channel.client(evaluation.WorkerServiceDefinition);
    await workers.registerWorker({ workerId: 'w', kinds: kindsOf('tabular'), capabilities: ['table:nasbench201'] });
    const { leases } = await workers.leaseEvaluations({ workerId: 'w', maxCount });
    return leases.map(({ evaluation: name }) => name.split('/').at(-1)!.split('.')[0]!);
  };

  it.skipIf(skip)('interleave searches, however many evaluations each has', async () => {
    await submit('many', 40);
    expect(await lease(10)).toEqual(Array.from({ length: 10 }, () => 'many'));
    // Who comes later is not behind all that is there, nor ahead of it for the time it was away.
    await submit('few', 4);
    expect(await lease(8)).toEqual(['many', 'few', 'many', 'few', 'many', 'few', 'many', 'few']);
    // More of the one that has many waits behind its own.
    await submit('late', 2);
    expect((await lease(4)).filter((search) => search === 'late')).toHaveLength(2);
    // A higher priority comes before all of them.
    await submit('urgent', 1, 5);
    expect(await lease(2)).toEqual(['urgent', 'many']);
  });
});
