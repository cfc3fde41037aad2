import { randomOfficialArchitecture, officialSpace } from '@nat/cells';
import { PolicyInference, EnvironmentFactory, createCheckpoint, officialGcnPolicy } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import type { Session } from '@nat/platform/session';

/** Distinct random architectures that are transformed in turn. */
const ARCHITECTURES = 20_000;
const UNARY_WARM_UP = 200;

/** Transforms a second: preparing, encoding, sampling and certifying both cells, in this thread. */
export function benchmarkPolicyInference(seconds: number): { readonly transformsPerSecond: number; readonly distinct: number } {
  const space = officialSpace('NAT', 'FULLY_CONCAT_PRIMITIVES');
  const policy = new PolicyInference(createCheckpoint(officialGcnPolicy('nat', space.primitives), RandomStream.of('bench', 'policy')));
  const architectures = Array.from({ length: ARCHITECTURES }, (_, i) => randomOfficialArchitecture(space, RandomStream.of('bench', 'architecture', i)));
  const preparer = new EnvironmentFactory({ scheme: 'nat', mode: 'cost-masked' });
  let held = 0;
  const transform = (i: number): void => {
    const environment = preparer.prepare(architectures[i % ARCHITECTURES]!);
    const draw = policy.sample(environment, { mode: 'sample', stream: RandomStream.of('bench', i) });
    if (draw.certificate.holds) held++;
  };
  for (let i = 0; i < 2_000; i++) transform(i);
  held = 0;
  const start = performance.now();
  let done = 0;
  while (performance.now() - start < 1000 * seconds) for (let i = 0; i < 100; i++) transform(done++);
  const elapsed = (performance.now() - start) / 1000;
  if (held !== done) throw new Error(`${done - held} certificates did not hold`);
  return { transformsPerSecond: Math.round(done / elapsed), distinct: Math.min(done, ARCHITECTURES) };
}

/** Latency of single calls, one after another, milliseconds. */
export async function benchmarkUnaryTransforms(
  session: Session,
  seconds: number,
): Promise<{ readonly p50: number; readonly p99: number; readonly calls: number }> {
  const call = (seed: number) =>
    session.clients.transforms.transformArchitecture({
      parent: session.parent,
      source: { ref: { $case: 'zoo', value: 'DARTS' } },
      options: { policy: 'nat', samples: 1, seed },
    });
  for (let i = 0; i < UNARY_WARM_UP; i++) await call(i);
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const start = performance.now();
    await call(times.length);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const quantile = (q: number): number => Number(times[Math.min(times.length - 1, Math.floor(q * times.length))]!.toFixed(3));
  return { p50: quantile(0.5), p99: quantile(0.99), calls: times.length };
}
