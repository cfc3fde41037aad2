/** A request's specification: checked, and completed with what only the server knows. */
import type { search as wire } from '@nat/contracts';
import { DomainError, isDomainError } from '@nat/base/errors';
import { checkSearch, fillDefaults, type EffectiveSearchSpec, type SearchSpec } from '@nat/nat';
import { searchField, searchSpecFromWire } from '../store/search-spec-converter.ts';

type EncoderSpec = EffectiveSearchSpec['policy']['encoder'];

/** A policy that a search may start from. */
export interface StartingPolicy {
  /** The version that is meant now, so that it stays the same however long the search runs. */
  readonly versionName: string;
  /** Undefined for one that no search can learn. */
  readonly encoder: EncoderSpec | undefined;
}

export interface PrepareOptions {
  readonly resolvePolicy: (namespace: string, reference: string) => Promise<StartingPolicy>;
  /** Throws when the table lacks the column, or is not there. */
  readonly requireColumn: (column: string) => void;
}

/** @throws DomainError INVALID_ARGUMENT with every field that does not fit; NOT_FOUND for a policy to start from that is not there */
export async function prepareSpec(spec: wire.SearchSpec, namespace: string, { resolvePolicy, requireColumn }: PrepareOptions): Promise<EffectiveSearchSpec> {
  const given = searchSpecFromWire(spec);
  const { initialPolicy, encoder } = given.policy ?? {};
  const start = initialPolicy === undefined ? undefined : await resolvePolicy(namespace, initialPolicy);
  if (start !== undefined && !fits(encoder, start.encoder)) {
    const what = start.encoder === undefined ? 'has an encoder that searches do not learn' : `has the encoder ${JSON.stringify(start.encoder)}`;
    throw DomainError.invalid('spec.policy.initial_policy', `${what}, unlike the policy asked for`, 'INVALID_SEARCH');
  }
  const effective = checkedSpec(start === undefined ? given : { ...given, policy: { encoder: start.encoder, initialPolicy: start.versionName } });
  if (effective.reward.kind === 'tabular') requireColumn(effective.reward.column);
  return effective;
}

/** Whether what is asked for is what the policy has. */
function fits(asked: NonNullable<SearchSpec['policy']>['encoder'], has: EncoderSpec | undefined): boolean {
  if (asked === undefined || has === undefined) return has !== undefined;
  const sizes: Readonly<Record<string, unknown>> = { ...has };
  return Object.entries(asked).every(([key, value]) => value === undefined || value === sizes[key]);
}

/** The specification of a search that learns on from what another learned: its own but for the steps and the seed, and its weights are trained already. */
export function forkedSpec(parent: EffectiveSearchSpec, steps: number, seed: number | undefined): EffectiveSearchSpec {
  const { reward } = parent;
  return checkedSpec({
    ...parent,
    seed: seed ?? parent.seed,
    learner: { ...parent.learner, steps },
    reward:
      reward.kind === 'shared-weights'
        ? { ...reward, epochs: undefined, policyStartEpoch: 0, weightTraining: { ...reward.weightTraining, warmupSteps: 0 } }
        : reward,
  });
}

/** @throws DomainError INVALID_ARGUMENT with the fields of the contract that do not fit */
function checkedSpec(given: SearchSpec): EffectiveSearchSpec {
  const effective = fillDefaults(given);
  try {
    checkSearch(given, effective);
  } catch (error) {
    if (!isDomainError(error) || error.violations.length === 0) throw error;
    const violations = error.violations.map(({ field, description }) => ({ field: `spec.${searchField(field, effective)}`, description }));
    throw DomainError.invalidFields(violations, error.reason);
  }
  return effective;
}
