import { search as wire } from '@nat/contracts';

/** Protobuf JSON of a part of a specification. */
type Json = Readonly<Record<string, unknown>>;

/** A search on the table of tiny-table.ts. */
export function tabularSpec(learner: Json = {}, rest: Json = {}): wire.SearchSpec {
  return wire.SearchSpec.fromJSON({ sources: { space: 'SPACE_NASBENCH201' }, reward: { tabular: {} }, learner: { steps: 3, batch: 8, ...learner }, ...rest });
}

/** A search on shared weights in the small preset. */
export function sharedWeightsSpec(sharedWeights: Json = {}, learner: Json = {}, rest: Json = {}): wire.SearchSpec {
  return wire.SearchSpec.fromJSON({
    sources: { space: 'SPACE_RESBLOCK' },
    reward: { sharedWeights: { dataset: 'mnist', ...sharedWeights } },
    preset: 'PRESET_SMALL',
    learner: { batch: 4, ...learner },
    ...rest,
  });
}
