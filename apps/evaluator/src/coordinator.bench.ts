/** What a search pays for one evaluation beside its work: `node apps/evaluator/src/coordinator.bench.ts [candidates] [rounds]`. */
import { type architecture, evaluation } from '@nat/contracts';
import { PARENT, startCoordinatorHarness, succeededWith, tabularSpec } from './testing/coordinator-harness.ts';
import { embeddedDatabase } from '@nat/storage/testing';
import { toDuration } from '@nat/convert';

const [count, rounds] = [Number(process.argv[2] ?? 1024), Number(process.argv[3] ?? 200)];
const databases = await embeddedDatabase();
const harness = await startCoordinatorHarness({ database: databases.database });
const submitter = harness.channel.client(evaluation.EvaluationServiceDefinition);
const workers = harness.channel.client(evaluation.WorkerServiceDefinition);
await workers.registerWorker({ workerId: 'w', capabilities: ['table:nasbench201'], kinds: [evaluation.EvaluationKind.EVALUATION_KIND_TABULAR] });

const operations = ['none', 'skip_connect', 'nor_conv_1x1', 'nor_conv_3x3', 'avg_pool_3x3'];
const cell = (n: number): architecture.ArchitectureRef => {
  const operation = (place: number): string => operations[Math.floor(n / 5 ** place) % 5]!;
  const value = `|${operation(0)}~0|+|${operation(1)}~0|${operation(2)}~1|+|${operation(3)}~0|${operation(4)}~1|${operation(5)}~2|`;
  return { ref: { $case: 'nasbench201', value } };
};

const times = new Map<string, number[]>();
const timed = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
  const [start, before] = [performance.now(), process.cpuUsage()];
  const result = await call();
  const { user, system } = process.cpuUsage(before);
  for (const [key, value] of [
    [`${name} wall`, performance.now() - start],
    [`${name} cpu`, (user + system) / 1000],
  ] as const) {
    times.set(key, [...(times.get(key) ?? []), value]);
  }
  return result;
};

for (let round = 0; round < rounds; round++) {
  const candidates = Array.from({ length: count }, (_, i) => ({ id: `s-${round}-${i}`, architecture: cell(round * 7919 + i * 31) }));
  const spec = tabularSpec(candidates);
  const outcome = succeededWith(candidates);
  const waiting = workers.leaseEvaluations({ workerId: 'w', maxCount: 16, wait: toDuration(20_000) });
  await timed('all', async () => {
    await timed('submit', () => submitter.submitEvaluations({ parent: PARENT, evaluations: [{ evaluationId: `s-${round}`, spec }] }));
    const { leases } = await timed('lease', () => waiting);
    await timed('complete', () => workers.completeEvaluation({ lease: { evaluation: leases[0]!.evaluation, token: leases[0]!.token }, outcome }));
  });
}
for (const [name, values] of times) {
  const sorted = values.slice(Math.floor(rounds / 5)).sort((a, b) => a - b);
  const at = (share: number): string => sorted[Math.floor(sorted.length * share)]!.toFixed(2);
  process.stdout.write(`${name.padEnd(16)} p10 ${at(0.1)} p50 ${at(0.5)} p90 ${at(0.9)} ms\n`);
}
await harness.stop();
await databases.dispose();
