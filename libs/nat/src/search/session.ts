import type { PlacementOptions, SchemeName } from '@nat/cells';
import type { NasBench201Table } from '@nat/datasets';
import { PolicyInference } from '../policy/inference/policy-inference.ts';
import { createCheckpoint, parseCheckpoint, serializeCheckpoint, type PolicyCheckpoint } from '../policy/checkpoint.ts';
import { Learner, type StepStats } from '../learning/reinforce.ts';
import type { Hyperparameters } from '../learning/presets.ts';
import type { MaskMode } from '../mdp/mask-mode.ts';
import type { PolicyConfig } from '../policy/policy-config.ts';
import { sampleHeldOut } from './held-out.ts';
import { sampleRound, learnerTrials, type CountedTrial, type SampledTrial } from './round.ts';
import { initializationStream } from './seeds.ts';
import { openSpace } from './spaces/open-space.ts';
import type { SearchSpace } from './spaces/space.ts';
import { EnvironmentCache } from './environment-cache.ts';

/** What decides every bit of a search, beside the rewards. Plain data: it crosses process boundaries. */
export interface SessionSpec {
  /** As `openSpace` takes it. */
  readonly space: string;
  readonly scheme: SchemeName;
  readonly mode: MaskMode;
  readonly placement: PlacementOptions;
  /** Of a fresh policy; a checkpoint brings its own. */
  readonly config: PolicyConfig;
  readonly seed: number;
  /** Trials a step. */
  readonly batch: number;
  /** Rounds that are drawn before the first of them is learned from. @default 1 */
  readonly roundsInFlight?: number;
  readonly hyperparameters: Hyperparameters;
  /** TensorFlow threads. */
  readonly threads: number;
}

export interface SessionOptions {
  /** Where the search stands, as `SearchSession.serialize` gave it; absent: at its start, with a fresh policy. */
  readonly checkpoint?: Uint8Array;
  readonly loadTable: () => NasBench201Table;
}

/** The learning side of one search: draws rounds and learns from them. TensorFlow is loaded at the first `learn`. */
export class SearchSession {
  readonly #spec: SessionSpec;
  readonly #space: SearchSpace;
  readonly #environments: EnvironmentCache;
  #checkpoint: PolicyCheckpoint;
  #policy: PolicyInference;
  #learner: Promise<Learner> | undefined;

  /** @throws DomainError INVALID_ARGUMENT UNKNOWN_SPACE, POLICY_CONFIG; FAILED_PRECONDITION without the space's table; DATA_LOSS for a damaged checkpoint */
  constructor(spec: SessionSpec, { checkpoint, loadTable }: SessionOptions) {
    this.#spec = spec;
    this.#space = openSpace(spec.space, { scheme: spec.scheme, loadTable });
    const { scheme, mode, placement, roundsInFlight = 1 } = spec;
    const { operations } = this.#space;
    this.#environments = new EnvironmentCache(
      { scheme, mode, placement, ...(operations === undefined ? {} : { operations }) },
      this.#space.recurring ? 20_000 : (1 + roundsInFlight) * spec.batch,
    );
    this.#checkpoint = checkpoint === undefined ? createCheckpoint(spec.config, initializationStream(spec.seed)) : parseCheckpoint(checkpoint);
    this.#policy = new PolicyInference(this.#checkpoint);
  }

  /** Learner updates behind the policy. A step in which every trial is left out makes none. */
  get updates(): number {
    return this.#checkpoint.step;
  }

  /** The trials of a step (or, where rounds are drawn ahead, of a round), counted from 1. Drawing has no effect: it gives the same until something is learned. */
  sample(step: number): readonly SampledTrial[] {
    const { seed, batch, hyperparameters } = this.#spec;
    const withGreedy = hyperparameters.baseline.kind === 'self-critical';
    return sampleRound({ space: this.#space, environments: this.#environments, policy: this.#policy, seed, step, batch, withGreedy });
  }

  /**
   * One transform of each of so many sources by the policy now, and one by the untrained policy, as `drawHeldOut`.
   * @param start the checkpoint that the search began with; undefined: a fresh policy of its seed
   */
  sampleHeldOut(sources: number, start: Uint8Array | undefined): readonly SampledTrial[] {
    const { config, seed } = this.#spec;
    const untrained = new PolicyInference(start === undefined ? createCheckpoint(config, initializationStream(seed)) : parseCheckpoint(start));
    return sampleHeldOut({ space: this.#space, environments: this.#environments, trained: this.#policy, untrained, sources });
  }

  /** Loads TensorFlow and the learner ahead of the first `learn`. */
  async warmUp(): Promise<void> {
    await this.#restored();
  }

  /**
   * One learner update on the trials given, in their order.
   * @param staleness updates since the policy that drew them; above 0 they are importance-weighted. @default 0
   * @throws DomainError INVALID_ARGUMENT for no trials, or actions that their source does not allow
   */
  async learn(counted: readonly CountedTrial[], staleness = 0): Promise<StepStats> {
    const learner = await this.#restored();
    const stats = learner.step(learnerTrials(counted, this.#environments, staleness > 0));
    this.#checkpoint = learner.checkpoint();
    this.#policy = new PolicyInference(this.#checkpoint);
    return stats;
  }

  /** Everything the next step depends on. The same state always gives the same bytes. */
  serialize(): Uint8Array {
    return serializeCheckpoint(this.#checkpoint);
  }

  #restored(): Promise<Learner> {
    const { hyperparameters, threads } = this.#spec;
    this.#learner ??= Learner.restore(this.#checkpoint, hyperparameters, { threads });
    return this.#learner;
  }
}

/** The policy of a checkpoint as a new search starts from it: its parameters, without the state of its learning. */
export function freshStart(bytes: Uint8Array): Uint8Array {
  const { config, parameters, moments } = parseCheckpoint(bytes);
  const zero = new Map([...moments].map(([name, { first, second }]) => [name, { first: first.slice().fill(0), second: second.slice().fill(0) }]));
  return serializeCheckpoint({ config, parameters, moments: zero, step: 0, baseline: 0 });
}
