/**
 * A search for evaluations that are dear, such as children trained from scratch: a few dozen are made, a reward model learns from them, and the
 * policy learns from the model (Sutton 1991, "Dyna"). Not the method of the papers, whose policy learns from evaluations alone.
 */
import { formatArchitecture, type Architecture } from '@nat/cells';
import { type Environment, EnvironmentCache, parseCheckpoint, PolicyInference, type SessionSpec, zooSpace } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import { argmax } from './argmax.ts';
import type { ChosenModel } from './choose-model.ts';
import { fitModel, teachPolicy } from './teach-policy.ts';
import { randomTransform } from './random-transform.ts';
import type { Observation, RewardModel } from './reward-model.ts';

export interface ModelBasedSearchOptions {
  /** `space` names one architecture of the zoo: the source of every transform. */
  readonly spec: SessionSpec;
  /** Distinct architectures evaluated, the source included; 24 at least, so that the first round can be cross-validated. */
  readonly evaluations: number;
  /** Rounds of evaluations: the first draws edits at random, the later ones ask a model of all before. */
  readonly rounds: number;
  /** Policy updates, after the last round. */
  readonly policyUpdates: number;
  /** Value of an architecture. The same architecture gives the same value. */
  readonly evaluate: (architecture: Architecture, done: number) => Promise<number>;
}

export interface ModelBasedSearchResult {
  /** The learned policy, as `SearchSession.serialize` gives it. */
  readonly checkpoint: Uint8Array;
  /** In the order of their evaluation, the source first. */
  readonly observations: readonly Observation[];
  /** The reward model that the policy learned from. */
  readonly chosen: ChosenModel;
  /** The policy's greedy result, then the evaluated results that the model likes most. Distinct. */
  readonly candidates: readonly Architecture[];
}

/** The first round's part of the evaluations. */
const RANDOM_SHARE = 2 / 3;
/** What later rounds still draw at random. */
const EXPLORED = 0.25;
/** Random results that a proposal is the best of, in the eyes of the model. */
const CONSIDERED = 64;
const MOST_DRAWS = 2_000;
const CANDIDATES = 8;

/** The same options and values give the same bits. */
export async function searchWithRewardModel(options: ModelBasedSearchOptions): Promise<ModelBasedSearchResult> {
  const { spec, evaluations, rounds, evaluate } = options;
  const { architecture: source } = zooSpace(spec.space).sampleSource(RandomStream.of(spec.seed));
  const { scheme, mode, placement, seed } = spec;
  const environment = new EnvironmentCache({ scheme, mode, placement }).of({ text: spec.space, architecture: source });
  const observed = new Map<string, Observation>();
  const observe = async (architecture: Architecture): Promise<void> => {
    const text = formatArchitecture(architecture).text;
    if (observed.has(text)) return;
    observed.set(text, { architecture, value: await evaluate(architecture, observed.size) });
  };
  await observe(source);

  const random = Math.round(evaluations * RANDOM_SHARE);
  const explore = RandomStream.of(seed, 'explore');
  for (let draws = 0; observed.size < random && draws < MOST_DRAWS; draws++) await observe(randomTransform(environment, explore));
  for (let round = 2; round <= rounds; round++) {
    const { model } = fitModel([...observed.values()], RandomStream.of(seed, 'folds', round - 1));
    const goal = random + Math.round(((evaluations - random) * (round - 1)) / (rounds - 1));
    const stream = RandomStream.of(seed, 'propose', round);
    for (let draws = 0; observed.size < goal && draws < MOST_DRAWS; draws++) {
      const considered = Array.from({ length: stream.uniform() < EXPLORED ? 1 : CONSIDERED }, () => randomTransform(environment, stream));
      const fresh = considered.filter((result) => !observed.has(formatArchitecture(result).text));
      if (fresh.length > 0) await observe(argmax(fresh, (result) => model.predict(result)));
    }
  }
  const observations = [...observed.values()];
  const { model, chosen } = fitModel(observations, RandomStream.of(seed, 'folds', rounds));
  const { checkpoint } = await teachPolicy(spec, model, options.policyUpdates);
  const policy = new PolicyInference(parseCheckpoint(checkpoint));
  return { checkpoint, chosen, observations, candidates: favourites(policy, model, environment, observations) };
}

/** The greedy result first, whatever the model says of it; then what was evaluated, by the model, which sees through the noise of evaluations. */
function favourites(policy: PolicyInference, model: RewardModel, environment: Environment, observations: readonly Observation[]): readonly Architecture[] {
  const greedy = policy.sample(environment, { mode: 'greedy' }).result;
  const greedyText = formatArchitecture(greedy).text;
  const ranked = observations
    .filter(({ architecture }) => formatArchitecture(architecture).text !== greedyText)
    .map(({ architecture }) => ({ architecture, value: model.predict(architecture) }))
    .sort((a, b) => b.value - a.value);
  return [greedy, ...ranked.slice(0, CANDIDATES - 1).map(({ architecture }) => architecture)];
}
