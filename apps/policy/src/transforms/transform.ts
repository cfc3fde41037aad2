import type { Architecture, Cost, CostBounds, PlacementOptions, SchemeName } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import { createEnvironment, type PolicyInference, type SampledTransform, type MaskMode } from '@nat/nat';
import { RandomStream } from '@nat/base/random';

export interface TransformRequest {
  readonly scheme: SchemeName;
  readonly mode: MaskMode;
  readonly placement: PlacementOptions;
  readonly budget: CostBounds | undefined;
  /** Results drawn; equal ones are given once. */
  readonly samples: number;
  readonly greedy: boolean;
  readonly seed: number;
}

export interface Transformed {
  readonly source: { readonly architecture: Architecture; readonly cost: Cost };
  /** At least one, the most probable first. */
  readonly draws: readonly SampledTransform[];
}

/**
 * Draws transforms of one architecture. A pure function of its arguments: sample i uses the stream (seed, 'transform', i).
 *
 * @throws DomainError INVALID_ARGUMENT for placements that do not fit; FAILED_PRECONDITION POLICY_NOT_APPLICABLE, BUDGET_UNREACHABLE, PEAK_NOT_REACHED
 */
export function transformArchitecture(policy: PolicyInference, architecture: Architecture, request: TransformRequest): Transformed {
  const environment = createEnvironment(architecture, { scheme: request.scheme, mode: request.mode, placement: request.placement });
  const source = { architecture, cost: environment.space.priced.cost };
  if (request.greedy) return { source, draws: withinPeak([policy.sample(environment, { mode: 'greedy' }, request.budget)], request.budget) };
  const distinct = new Map<string, SampledTransform>();
  for (let i = 0; i < request.samples; i++) {
    const draw = policy.sample(environment, { mode: 'sample', stream: RandomStream.of(request.seed, 'transform', i) }, request.budget);
    const key = draw.actions.join();
    if (!distinct.has(key)) distinct.set(key, draw);
  }
  return {
    source,
    draws: withinPeak(
      [...distinct.values()].sort((a, b) => b.logProb - a.logProb),
      request.budget,
    ),
  };
}

/** The draws whose activations fit: no mask keeps this bound, so it is checked on what was drawn. */
function withinPeak(draws: readonly SampledTransform[], { maxPeakActivationBytes }: CostBounds = {}): readonly SampledTransform[] {
  if (maxPeakActivationBytes === undefined) return draws;
  const peakOf = ({ certificate }: SampledTransform): number => certificate.result.peakActivationBytes;
  const within = draws.filter((draw) => peakOf(draw) <= maxPeakActivationBytes);
  if (within.length > 0) return within;
  const attainable = String(Math.min(...draws.map(peakOf)));
  throw new DomainError(
    'FAILED_PRECONDITION',
    `no result that was drawn has activations of at most ${maxPeakActivationBytes} bytes; the least are ${attainable}`,
    {
      reason: 'PEAK_NOT_REACHED',
      metadata: { maxPeakActivationBytes: String(maxPeakActivationBytes), attainablePeakActivationBytes: attainable },
    },
  );
}
