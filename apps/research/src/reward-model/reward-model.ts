/**
 * A learned reward: from architectures that were evaluated to the value of any other. A policy that is trained with predicted rewards needs as
 * few evaluations as the model does. Never part of the official presets.
 */
import type { Architecture } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import { normalQuantile } from '@nat/nat';
import { fitKernelRegression, type KernelOptions } from './kernel-regression.ts';
import { pathFeatures, type FeatureSet } from './path-features.ts';

/** An architecture and what its evaluation gave. */
export interface Observation {
  readonly architecture: Architecture;
  readonly value: number;
  /**
   * The source that the architecture was made from, itself included. Values are then compared within a source alone: sources differ for more reasons
   * than a few dozen observations could explain, and a transform is judged against its own. @default all are of one source
   */
  readonly source?: string;
}

export interface RewardModelOptions extends KernelOptions {
  readonly features: FeatureSet;
  /**
   * `normal-scores` fits the ranks of the values, as quantiles of a standard normal: where a few architectures fail altogether, their distance from the
   * rest would drown the small differences between good ones. Predictions are then on that scale.
   */
  readonly target: 'value' | 'normal-scores';
}

/** Chosen on training cells of NAS-Bench-201 alone, with 500 evaluations: see the table `reward-model` of docs/results.md. */
export const REWARD_MODEL: RewardModelOptions = { features: 'paths', kernel: 'matern32', lengthScale: 1, lambda: 0.01, target: 'normal-scores' };

/** Ridge regression, chosen likewise. */
export const RIDGE: RewardModelOptions = { features: 'paths-and-edges', kernel: 'linear', lambda: 0.001, target: 'normal-scores' };

/** Predicts values of architectures. */
export class RewardModel {
  readonly #index: ReadonlyMap<string, number>;
  readonly #features: FeatureSet;
  readonly #predict: (row: Float64Array) => number;

  /** @throws DomainError INVALID_ARGUMENT without observations, or for a value that is not finite */
  constructor(observations: readonly Observation[], options: RewardModelOptions = REWARD_MODEL) {
    if (observations.length === 0) throw DomainError.invalid('observations', 'a reward model needs at least one', 'NO_OBSERVATIONS');
    observations.forEach(({ value }, i) => {
      if (!Number.isFinite(value)) throw DomainError.invalid(`observations[${i}].value`, 'a value is a finite number', 'REWARD');
    });
    this.#features = options.features;
    const features = observations.map(({ architecture }) => pathFeatures(architecture, options.features));
    this.#index = new Map([...new Set(features.flatMap((counts) => [...counts.keys()]))].map((name, i) => [name, i]));
    const sources = observations.map(({ source = '' }) => source);
    const values = withoutMeans(
      observations.map(({ value }) => value),
      sources,
    );
    const rows = features.map((counts) => this.#row(counts));
    this.#predict = fitKernelRegression(rows, options.target === 'value' ? standardScores(values) : normalScores(values), { ...options, groups: sources });
  }

  /** The value expected of an architecture, on the scale of the target, standardised. Features never observed count for nothing. */
  predict(architecture: Architecture): number {
    return this.#predict(this.#row(pathFeatures(architecture, this.#features)));
  }

  #row(counts: ReadonlyMap<string, number>): Float64Array {
    const row = new Float64Array(this.#index.size);
    for (const [name, count] of counts) {
      const at = this.#index.get(name);
      if (at !== undefined) row[at] = count;
    }
    return row;
  }
}

/** Values less the mean of their group. */
function withoutMeans(values: readonly number[], groups: readonly string[]): readonly number[] {
  const members = Map.groupBy(values, (_, i) => groups[i]!);
  const means = new Map([...members].map(([group, of]) => [group, of.reduce((sum, value) => sum + value, 0) / of.length]));
  return values.map((value, i) => value - means.get(groups[i]!)!);
}

function standardScores(values: readonly number[]): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) || 1;
  return Float64Array.from(values, (value) => (value - mean) / deviation);
}

/** Quantile of the standard normal at (rank + 1/2) / n; equal values share their mean rank. */
function normalScores(values: readonly number[]): Float64Array {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const scores = new Float64Array(values.length);
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    const score = normalQuantile((start + end) / 2 / values.length);
    for (let i = start; i < end; i++) scores[order[i]!] = score;
  }
  return scores;
}
