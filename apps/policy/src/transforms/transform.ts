import type { Architecture, Cost, CostShares, PlacementOptions, SchemeName } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import {
  createEnvironment,
  likeliestTransform,
  resolveBudget,
  sampleTransforms,
  spaceHolds,
  withinBudget,
  type Budget,
  type MaskMode,
  type SampledTransform,
} from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import type { ReadyPolicy } from '../policies/policy-library.ts';

export interface TransformRequest {
  /** Undefined: the policy's own. */
  readonly scheme: SchemeName | undefined;
  /** Undefined: as searches learn, where the policy was learned on the source's space; elsewhere by the total cost. */
  readonly mode: MaskMode | undefined;
  readonly placement: PlacementOptions;
  readonly budget: Budget | undefined;
  readonly relativeBudget: CostShares | undefined;
  /** Results drawn; equal ones are given once. */
  readonly samples: number;
  readonly greedy: boolean;
  readonly seed: number;
}

export interface Transformed {
  readonly source: { readonly architecture: Architecture; readonly cost: Cost };
  /** At least one, the most probable first. */
  readonly draws: readonly SampledTransform[];
  /** Of a greedy result: no allowed one is more probable. */
  readonly optimal?: boolean;
  /** That the policy was learned on; empty where that is not known. */
  readonly policySpace: string;
  /** Whether the source is of that space. */
  readonly learnedHere: boolean;
}

/**
 * Transforms one architecture. A pure function of its arguments: sample i uses the stream (seed, 'transform', i).
 *
 * @throws DomainError INVALID_ARGUMENT for placements that do not fit; FAILED_PRECONDITION POLICY_NOT_APPLICABLE, POLICY_NOT_LEARNED_HERE, BUDGET_UNREACHABLE
 */
export function transformArchitecture(ready: ReadyPolicy, architecture: Architecture, request: TransformRequest): Transformed {
  const { policy, space } = ready;
  const scheme = request.scheme ?? ready.scheme;
  const learnedHere = spaceHolds(space, ready.scheme, architecture);
  if (ready.isDefault && !learnedHere) throw notLearnedHere(space);
  const mode = request.mode ?? (learnedHere ? 'cost-masked' : 'total-cost');
  const environment = createEnvironment(architecture, { scheme, mode, placement: request.placement });
  const { cost } = environment.space.priced;
  const source = { architecture, cost };
  const budget = resolveBudget(request.budget, request.relativeBudget, cost);
  if (request.greedy) {
    const { transform, optimal } = likeliestTransform(policy, environment, budget);
    return { source, draws: [transform], optimal, policySpace: space, learnedHere };
  }
  const streamOf = (i: number): RandomStream => RandomStream.of(request.seed, 'transform', i);
  return { source, draws: sampleTransforms(policy, environment, { samples: request.samples, streamOf, budget }), policySpace: space, learnedHere };
}

/**
 * The samples of `transformArchitecture` as they were before results were decoded as a whole: each edge decided after the one before it, with the masks of searches.
 * Evaluations that an earlier version ordered are of these.
 * @throws DomainError FAILED_PRECONDITION POLICY_NOT_APPLICABLE; BUDGET_UNREACHABLE where none of them is within the bounds
 */
export function drawEdgeByEdge(ready: ReadyPolicy, architecture: Architecture, { placement, samples, seed, budget = {} }: TransformRequest): Transformed {
  const environment = createEnvironment(architecture, { scheme: ready.scheme, mode: 'cost-masked', placement });
  const distinct = new Map<string, SampledTransform>();
  for (let i = 0; i < samples; i++) {
    const drawn = ready.policy.sample(environment, { mode: 'sample', stream: RandomStream.of(seed, 'transform', i) });
    const key = drawn.actions.join();
    if (!distinct.has(key)) distinct.set(key, drawn);
  }
  const draws = [...distinct.values()].filter(({ certificate }) => withinBudget(certificate.result, budget)).sort((a, b) => b.logProb - a.logProb);
  if (draws.length === 0) throw new DomainError('FAILED_PRECONDITION', 'no result that was drawn is within the bounds', { reason: 'BUDGET_UNREACHABLE' });
  const learnedHere = spaceHolds(ready.space, ready.scheme, architecture);
  return { source: { architecture, cost: environment.space.priced.cost }, draws, policySpace: ready.space, learnedHere };
}

function notLearnedHere(space: string): DomainError {
  return new DomainError(
    'FAILED_PRECONDITION',
    `the default policy was learned on ${space}, and nothing is known of what it does to networks of other spaces: name a policy, which is then used wherever it is asked for, or learn one by a search`,
    { reason: 'POLICY_NOT_LEARNED_HERE', metadata: { space } },
  );
}
