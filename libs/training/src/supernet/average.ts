/** The averaging step of local SGD (Stich 2019) on supernets: shards train apart from the same state, then become one again. */
import { DomainError } from '@nat/base/errors';
import type { HostTensor, TensorFile } from '@nat/tensor';
import { parseState, stateMetadata, VELOCITY } from './supernet.ts';

/**
 * The mean of the states of shards that trained equally long from the same state: of weights, running statistics and momentum, summed in double
 * precision in the order given. What a shard has none of counts as its initial value. One state is its own mean.
 * @throws DomainError INVALID_ARGUMENT for states that do not belong together, or that `settle` has not completed
 */
export function averageSharedWeights(states: readonly TensorFile[]): TensorFile {
  const [first, ...others] = states;
  if (first === undefined) throw DomainError.invalid('weights', 'there is nothing to average');
  if (others.length === 0) return first;
  const { seed, rates } = parseState(first.metadata);
  const total = rates.reduce((sum, [, count]) => sum + count, 0);
  const steps: Record<string, number> = {};
  for (const [i, { metadata }] of states.entries()) {
    const state = parseState(metadata);
    if (state.seed !== seed || JSON.stringify(state.rates) !== JSON.stringify(rates)) {
      throw DomainError.invalid(`weights[${i}]`, 'comes from another supernet or another number of steps', 'OTHER_SEED');
    }
    for (const [name, step] of Object.entries(state.steps)) {
      if (step !== total) throw unsettled(i, name);
      steps[name] = total;
    }
  }
  const names = new Set(states.flatMap(({ tensors }) => [...tensors.keys()]));
  const tensors = new Map([...names].map((name) => [name, mean(states, name)]));
  return { tensors, metadata: stateMetadata({ seed, rates, steps }) };
}

function mean(states: readonly TensorFile[], name: string): HostTensor {
  const given = states.map(({ tensors }) => tensors.get(name));
  const { shape, data } = given.find((tensor) => tensor !== undefined)!;
  const sums = new Float64Array(data.length);
  for (const [i, tensor] of given.entries()) {
    if (tensor === undefined) {
      const initial = initialValue(name);
      if (initial === undefined) throw unsettled(i, name);
      for (let k = 0; k < sums.length; k++) sums[k]! += initial;
      continue;
    }
    if (tensor.data.length !== sums.length) throw DomainError.invalid(`weights[${i}]`, `${name} has another shape`, 'OTHER_SEED');
    for (let k = 0; k < sums.length; k++) sums[k]! += tensor.data[k]!;
  }
  return { shape, data: Float32Array.from(sums, (sum) => sum / states.length) };
}

/** What a shard that never used it would have: momentum 0, running mean 0 and variance 1. Weights are drawn, so a settled state has them all. */
function initialValue(name: string): number | undefined {
  if (name.startsWith(VELOCITY) || name.endsWith('.running_mean')) return 0;
  return name.endsWith('.running_var') ? 1 : undefined;
}

function unsettled(index: number, name: string): DomainError {
  return DomainError.invalid(`weights[${index}]`, `${name} is missing or behind: shards are settled before they are averaged`, 'UNSETTLED_WEIGHTS');
}
