/** What the bundled policies are learned for, and how large that learning is. */
import type { Architecture, SchemeName } from '@nat/cells';
import { type EdgeGnnConfig, type Hyperparameters, searchHyperparameters } from '@nat/nat';
import { heldOutSources, type SampledChild, sampleSpace } from '../../../reward-model/space-search.ts';
import { SIZE } from '../cifar10/children.ts';

export interface PolicySpace {
  /** Name in rows, and the end of a policy's id. */
  readonly id: 'block' | 'fully-concat' | 'loose-end';
  /** As `openSpace` takes it. */
  readonly space: 'resblock' | 'darts' | 'enas';
  /** The published architecture among the sources. */
  readonly zoo: string;
  /** What the page and the cards say it is. */
  readonly cells: string;
}

/** In the order of the page: the one whose children train fastest first. */
export const SPACES: readonly PolicySpace[] = [
  { id: 'block', space: 'resblock', zoo: 'ResBlock', cells: 'cells around the residual block' },
  { id: 'fully-concat', space: 'darts', zoo: 'DARTS', cells: 'fully concatenated cells of 4 nodes' },
  { id: 'loose-end', space: 'enas', zoo: 'ENAS', cells: 'cells of 5 nodes with loose ends' },
];
export const SCHEMES: readonly SchemeName[] = ['nat', 'nat++'];

/** Seed of the policies that are bundled. */
export const SEED = 0;

export const SOURCES = 8;
export const EDITS = 3;
/** Training steps of a child that the reward model learns from. */
export const CHILD_STEPS = 150;
export const HELD_OUT = 6;
/** Training steps of a source or result that a policy is judged by. */
export const HELD_OUT_STEPS = 300;

/** Half as wide as EDGE_POLICY: what a model of a few dozen children knows fits in, and a bundled file stays small. */
export const CONFIG: EdgeGnnConfig = { encoder: 'edge', hidden: 24, layers: 2 };
export const UPDATES = 300;
export const TRIALS = 64;

/** A weaker entropy term than the preset's, which so few updates of so few transforms do not overcome. */
export const HYPERPARAMETERS: Hyperparameters = searchHyperparameters({
  preset: 'tabular',
  steps: UPDATES,
  baseline: 'self-critical',
  entropyWeight: 0.05,
});

/** The id of a bundled policy. */
export function policyId({ id }: PolicySpace, scheme: SchemeName): string {
  return `${scheme === 'nat' ? 'nat' : 'natv2'}-${id}`;
}

/** What is trained for the reward model. */
export function childrenOf({ space, zoo }: PolicySpace, seed: number): readonly SampledChild[] {
  return sampleSpace({ space, zoo, placement: SIZE, seed, sources: SOURCES, edits: EDITS });
}

/** What policies are judged on. */
export function heldOutOf(of: PolicySpace, seed: number): readonly Architecture[] {
  return heldOutSources({ space: of.space, seed }, childrenOf(of, seed), HELD_OUT);
}
