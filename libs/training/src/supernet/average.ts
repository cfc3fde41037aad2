/** The averaging step of local SGD (Stich 2019) on supernets: shards train apart from the same state, then become one again. */
import { DomainError } from '@nat/base/errors';
import type { HostTensor, TensorFile } from '@nat/tensor';
import { parseState, stateMetadata, VELOCITY } from './supernet.ts';

/**
 * The mean of the states of shards that trained equally long from the same state: of weights, running statistics and momentum, summed in double
 * precision in the order given. A parameter and its momentum weigh as many times as the shard's paths had it: a plain mean would halve what one of two
 * shards learned of an operation that the other did not draw. What a shard has none of counts as its initial value. One state is its own mean.
 * @throws DomainError INVALID_ARGUMENT for states that do not belong together, or that `settle` has not completed
 */
export function averageSharedWeights(states: readonly TensorFile[]): TensorFile {
  const [first, ...others] = states;
  if (first === undefined) throw DomainError.invalid('weights', 'there is nothing to average');
  if (others.length === 0) return first;
  const { seed, rates } = parseState(first.metadata);
  const total = rates.reduce((sum, [, count]) => sum + count, 0);
  const steps: Record<string, number> = {};
  const updates: (Readonly<Record<string, number>> | undefined)[] = [];
  for (const [i, { metadata }] of states.entries()) {
    const state = parseState(metadata);
    if (state.seed !== seed || JSON.stringify(state.rates) !== JSON.stringify(rates)) {
      throw DomainError.invalid(`weights[${i}]`, 'comes from another supernet or another number of steps', 'OTHER_SEED');
    }
    updates.push(state.updates);
    for (const [name, step] of Object.entries(state.steps)) {
      if (step !== total) throw unsettled(i, name);
      steps[name] = total;
    }
  }
  const names = new Set(states.flatMap(({ tensors }) => [...tensors.keys()]));
  const tensors = new Map([...names].map((name) => [name, mean(states, name, sharesOf(updates, name))]));
  return { tensors, metadata: stateMetadata({ seed, rates, steps }) };
}

/** What each shard's value of a tensor counts: its share of the updates, or the same for all where there were none, or not all shards say. */
function sharesOf(updates: readonly (Readonly<Record<string, number>> | undefined)[], name: string): readonly number[] {
  const parameter = name.startsWith(VELOCITY) ? name.slice(VELOCITY.length) : name;
  const counts = updates.map((shard) => shard?.[parameter] ?? 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0 || updates.includes(undefined)) return updates.map(() => 1 / updates.length);
  return counts.map((count) => count / total);
}

function mean(states: readonly TensorFile[], name: string, shares: readonly number[]): HostTensor {
  const given = states.map(({ tensors }) => tensors.get(name));
  const { shape, data } = given.find((tensor) => tensor !== undefined)!;
  const sums = new Float64Array(data.length);
  for (const [i, tensor] of given.entries()) {
    if (tensor === undefined) {
      const initial = initialValue(name);
      if (initial === undefined) throw unsettled(i, name);
      for (let k = 0; k < sums.length; k++) sums[k]! += shares[i]! * initial;
      continue;
    }
    if (tensor.data.length !== sums.length) throw DomainError.invalid(`weights[${i}]`, `${name} has another shape`, 'OTHER_SEED');
    for (let k = 0; k < sums.length; k++) sums[k]! += shares[i]! * tensor.data[k]!;
  }
  return { shape, data: Float32Array.from(sums) };
}

/** What a shard that never used it would have: momentum 0, running mean 0 and variance 1. Weights are drawn, so a settled state has them all. */
function initialValue(name: string): number | undefined {
  if (name.startsWith(VELOCITY) || name.endsWith('.running_mean')) return 0;
  return name.endsWith('.running_var') ? 1 : undefined;
}

function unsettled(index: number, name: string): DomainError {
  return DomainError.invalid(`weights[${index}]`, `${name} is missing or behind: shards are settled before they are averaged`, 'UNSETTLED_WEIGHTS');
}
