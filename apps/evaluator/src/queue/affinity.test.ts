/** Workers that have weights in memory get what starts from them, and nobody starves for it. */
import { evaluation } from '@nat/contracts';
import { expect } from 'vitest';
import { cellCandidates, PARENT, succeededWith } from '../testing/coordinator-harness.ts';
import { clientsOf, describeCoordinator, idsOf } from '../testing/coordinator-suite.ts';
import { eventually } from '../testing/eventually.ts';
import { AFFINITY_WINDOW } from './start-tags.ts';

const [WA, WB] = ['a'.repeat(64), 'b'.repeat(64)];

describeCoordinator(
  'leases to workers that have the weights',
  ({ test, capability, databases, register, searchOf, start, startAnother, submit, submitter, lease, complete }) => {
    const registerScorer = (worker: string): Promise<void> => register(worker, ['dataset:mnist']);
    const specOf = (search: string, weights: string, overrides: Partial<evaluation.EvaluationSpec> = {}): evaluation.EvaluationSpec => {
      const supernet = evaluation.Supernet.create({
        wiring: evaluation.Wiring.WIRING_FULLY_CONCAT,
        scheme: 'SCHEME_NAT',
        dataset: 'mnist',
        channels: 2,
        layers: 3,
        imageBatch: 8,
      });
      return evaluation.EvaluationSpec.create({
        kind: { $case: 'sharedWeights', value: { supernet, weights, images: { $case: 'testImages', value: {} }, candidates: cellCandidates('p', 1) } },
        search: search === '' ? '' : searchOf(search),
        capabilities: [capability()],
        ...overrides,
      });
    };
    /** `<search>-0`, `<search>-1`, ... all from the same weights. */
    const submitMany = async (search: string, weights: string, count: number, overrides: Partial<evaluation.EvaluationSpec> = {}): Promise<void> => {
      await submitter().submitEvaluations({
        parent: PARENT,
        evaluations: Array.from({ length: count }, (_, i) => ({
          evaluationId: `${capability().slice(5)}-${search}-${i}`,
          spec: specOf(search, weights, overrides),
        })),
      });
    };
    /** The searches of what is leased, one call after the other. */
    const leaseEach = async (count: number, loadedWeights: string[]): Promise<string[]> => {
      const searches: string[] = [];
      for (let i = 0; i < count; i++) searches.push(...idsOf(await lease('w', { loadedWeights })).map((id) => id.split('-')[1]!));
      return searches;
    };

    test('a worker gets what it has in memory before the head of the queue', async () => {
      await registerScorer('w');
      await submitMany('a', WA, 3);
      await submitMany('b', WB, 3);
      expect(await leaseEach(2, [])).toEqual(['a', 'b']);
      expect(await leaseEach(2, [WB])).toEqual(['b', 'b']);
      // Nothing of it is left, or it never was: then by start tag.
      expect(await leaseEach(1, [WB, 'c'.repeat(64)])).toEqual(['a']);
      expect(await leaseEach(2, [WA])).toEqual(['a']);
    });

    test('a higher priority comes first whatever is in memory', async () => {
      await registerScorer('w');
      await submitMany('a', WA, 2);
      await submitMany('urgent', WB, 1, { priority: 5 });
      expect(await leaseEach(3, [WA])).toEqual(['urgent', 'a', 'a']);
    });

    test('a search whose weights nobody has is served within the bound', async () => {
      await registerScorer('w');
      await submitMany('loaded', WA, 100);
      await submitMany('cold', WB, 10);
      const order = await leaseEach(110, [WA]);
      expect(order).toHaveLength(110);
      const before = order.flatMap((search, i) => (search === 'cold' ? [order.slice(0, i).filter((one) => one === 'loaded').length] : []));
      // The start tags 0 to AFFINITY_WINDOW come before tag 0; from then on the searches alternate.
      expect(before).toEqual(Array.from({ length: 10 }, (_, i) => AFFINITY_WINDOW + 1 + i));
    });

    test('a search that submits one evaluation after the other does not stay ahead', async () => {
      await registerScorer('w');
      await submitMany('cold', WB, 10);
      const order: string[] = [];
      for (let i = 0; order.filter((search) => search === 'cold').length < 10; i++) {
        const { name } = await submit(`${capability().slice(5)}-loop-${i}`, specOf('loop', WA));
        for (;;) {
          const [leased] = await lease('w', { loadedWeights: [WA] });
          order.push(leased!.evaluation.split('-').at(-2)!);
          await complete(leased!, succeededWith(cellCandidates('p', 1)));
          if (leased!.evaluation === name) break;
        }
      }
      const before = order.flatMap((search, i) => (search === 'cold' ? [order.slice(0, i).filter((one) => one === 'loop').length] : []));
      expect(before).toEqual(Array.from({ length: 10 }, (_, i) => AFFINITY_WINDOW + 1 + i));
    });

    test('an evaluation of no search is not leased ahead of its start tag', async () => {
      await registerScorer('w');
      await submitMany('first', WB, 1);
      await submit(`${capability().slice(5)}-nobody-0`, specOf('', WA));
      expect(await leaseEach(2, [WA])).toEqual(['first', 'nobody']);
    });

    test('several waiting workers each get what they have, however late they came', async () => {
      // The queue is read when the evaluations are there, not in the middle of their submission.
      const { registry } = await startAnother({ pollMs: 600_000 });
      const waiting: Promise<readonly [string, readonly string[]]>[] = [];
      for (const [worker, loadedWeights] of Object.entries({ none: [], 'has-b': [WB], 'has-a': [WA], 'has-a-too': [WA, WB] })) {
        await registerScorer(worker);
        waiting.push(lease(worker, { waitMs: 20_000, loadedWeights }).then((leased) => [worker, idsOf(leased).map((id) => id.slice(id.indexOf('-') + 1))]));
        await eventually(
          () => registry.metrics(),
          (metrics) => metrics.includes(`nat_workers_waiting ${waiting.length}`),
        );
      }
      await submitter().submitEvaluations({
        parent: PARENT,
        evaluations: [...[0, 1, 2].map((i) => ['a', WA, i] as const), ['b', WB, 0] as const].map(([search, weights, i]) => ({
          evaluationId: `${capability().slice(5)}-${search}-${i}`,
          spec: specOf(search, weights),
        })),
      });
      expect(Object.fromEntries(await Promise.all(waiting))).toEqual({ 'has-a': ['a-0'], 'has-b': ['b-0'], 'has-a-too': ['a-1'], none: ['a-2'] });
    });

    test('calls to two replicas lease each evaluation once', async () => {
      const second = clientsOf(await start({}, await databases().connect())).workers;
      for (const worker of ['a', 'b']) await registerScorer(worker);
      await submitMany('a', WA, 30);
      await submitMany('b', WB, 30);
      const calls = Array.from({ length: 30 }, (_, i) =>
        i % 2 === 0
          ? lease('a', { maxCount: 4, loadedWeights: [WA] })
          : second.leaseEvaluations({ workerId: 'b', maxCount: 4, loadedWeights: [WA, WB] }).then(({ leases }) => leases),
      );
      const leased = idsOf((await Promise.all(calls)).flat());
      leased.push(...idsOf(await lease('a', { maxCount: 60 })));
      expect(new Set(leased).size).toBe(60);
      expect(leased).toHaveLength(60);
    });
  },
);
