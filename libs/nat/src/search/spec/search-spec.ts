/** What a search does. A `SearchSpec` is what somebody asked for; an `EffectiveSearchSpec` is the same with every default filled in (fill-defaults.ts). */
import type { PlacementOptions, SchemeName } from '@nat/cells';
import type { AdvantageShape, BaselineOptions } from '../../learning/baseline.ts';
import type { MaskMode } from '../../mdp/mask-mode.ts';
import type { PresetName } from '../presets.ts';
import type { SpaceName } from '../spaces/open-space.ts';

/** Where source architectures come from: the distribution p(.) of the paper. */
export type SourceSpec = { readonly kind: 'space'; readonly space: SpaceName } | { readonly kind: 'zoo'; readonly name: string };

/** What a policy may replace. */
export interface ActionSpec {
  readonly scheme: SchemeName;
  readonly masking: MaskMode;
  /** The network that costs are counted in; what is left out is the default of that network. */
  readonly placement: PlacementOptions;
}

export type EncoderSpec =
  | { readonly kind: 'edge-gnn'; readonly hidden: number; readonly layers: number }
  | { readonly kind: 'gcn'; readonly embedding: number; readonly features: number; readonly hidden: number };

export interface PolicySpec {
  readonly encoder: EncoderSpec;
  /** The policy version to start from. @default a fresh policy */
  readonly initialPolicy?: string | undefined;
}

/** Rewards that are looked up in the table of NAS-Bench-201. */
export interface TabularReward {
  readonly kind: 'tabular';
  readonly column: string;
  /** Candidates that one evaluation carries. */
  readonly candidatesPerEvaluation: number;
}

/** SGD of the shared weights, by local SGD where there are several shards. */
export interface WeightTrainingSpec {
  readonly stepsPerEpoch: number;
  /** More steps in the first epoch. */
  readonly warmupSteps: number;
  /** Shards that train at the same time, each for all steps of a round, and are then averaged. */
  readonly shards: number;
  /** Steps between two averages. */
  readonly stepsPerRound: number;
  /** Images a batch. */
  readonly imageBatch: number;
  readonly learningRate: number;
  /** Where a cosine over the epochs takes it. */
  readonly minLearningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly clipNorm: number;
}

/** Rewards that are accuracies under shared weights, which are trained in alternation with the policy. */
export interface SharedWeightsReward {
  readonly kind: 'shared-weights';
  readonly dataset: string;
  /** `set-aside` keeps images for selection from weights and policy; `official` does not. */
  readonly split: 'set-aside' | 'official';
  readonly epochs: number;
  /** The first epoch whose policy learns, from 0. */
  readonly policyStartEpoch: number;
  readonly policyStepsPerEpoch: number;
  readonly weightTraining: WeightTrainingSpec;
  /** Batches of images that a reward is measured on. */
  readonly scoreBatches: number;
  readonly candidatesPerEvaluation: number;
}

/** Rewards that are accuracies of networks trained from scratch; training ends with the first budget that is spent. */
export interface FromScratchReward {
  readonly kind: 'from-scratch';
  readonly dataset: string;
  readonly imageBatch: number;
  readonly epochs?: number | undefined;
  readonly steps?: number | undefined;
  readonly timeMs?: number | undefined;
  readonly candidatesPerEvaluation: number;
}

export type RewardSpec = TabularReward | SharedWeightsReward | FromScratchReward;
export type RewardKind = RewardSpec['kind'];

/** Adam of the policy. */
export interface AdamSpec {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

export interface LearnerSpec {
  /** Updates of the policy in all. */
  readonly steps: number;
  /** Trials a step. */
  readonly batch: number;
  readonly baseline: BaselineOptions;
  readonly learningRate: number;
  readonly entropyWeight: number;
  readonly adam: AdamSpec;
  /** Of the advantages: `linear` maximises the expected reward. */
  readonly advantageShape: AdvantageShape;
}

/** Rounds that are evaluated at the same time. */
export interface PipeliningSpec {
  readonly roundsInFlight: number;
  readonly maxStaleness: number;
  readonly importanceClip: number;
}

/** The comparison with the untrained policy after the last step of a search on shared weights. */
export interface HeldOutComparisonSpec {
  /** 0: none. */
  readonly sources: number;
  readonly images: number;
}

/** A search with every default filled in: what decides its policy, to the bit, beside the rewards. */
export interface EffectiveSearchSpec {
  readonly sources: SourceSpec;
  readonly actions: ActionSpec;
  readonly policy: PolicySpec;
  readonly reward: RewardSpec;
  readonly learner: LearnerSpec;
  readonly pipelining: PipeliningSpec;
  /** Of searches on shared weights. */
  readonly heldOutComparison?: HeldOutComparisonSpec | undefined;
  readonly preset: PresetName;
  readonly seed: number;
  readonly priority: number;
  /** TensorFlow threads of learner and workers. */
  readonly threads: number;
}

/** What may be left out of T: everything but what tells its kinds apart. Placements may leave out what they like anyway. */
type Given<T> = T extends string | number | boolean | undefined
  ? T
  : { readonly [K in keyof T as K extends 'kind' ? K : never]: T[K] } & {
      readonly [K in keyof T as K extends 'kind' ? never : K]?: (K extends 'placement' ? T[K] : Given<T[K]>) | undefined;
    };

/** A search as it is asked for: what is left out is decided by the preset. */
export type SearchSpec = Given<Omit<EffectiveSearchSpec, 'sources' | 'reward'>> & {
  readonly sources: SourceSpec;
  readonly reward: Given<RewardSpec>;
};
