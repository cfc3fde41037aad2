/**
 * REINFORCE (Williams 1992) with an entropy bonus, over a batch of trials: transforms of given architectures and the
 * rewards they earned.
 *
 *     loss = mean over trials of [ - w_t A_t log pi(actions_t | architecture_t) - coefficient H_t ]
 *     log pi = sum of the log-probabilities of the decisions, each given the earlier ones (masks depend on them)
 *     H      = sum of the entropies of those same conditionals
 *     w      = 1 where this policy drew the trial, else a clipped importance weight (importance.ts)
 */
import { Episode } from '../mdp/episode.ts';
import { DomainError } from '@nat/base/errors';
import {
  adamStep,
  gatherRows,
  loadTensorflow,
  type AdamState,
  type HostTensor,
  type Tensor,
  type Tensor2D,
  type Tensorflow,
  type TensorflowOptions,
} from '@nat/tensor';
import { advantages, scaleAdvantages, type Rewards } from './baseline.ts';
import type { PolicyCheckpoint } from '../policy/checkpoint.ts';
import type { PolicyConfig } from '../policy/policy-config.ts';
import { DEFAULT_IMPORTANCE_CLIP, importanceOf, importanceWeights, type Drawn, type Importance, type ImportanceWeights } from './importance.ts';
import { entropyCoefficientsAt, learningRateAt, type Hyperparameters } from './presets.ts';
import { PROBABILITY_FLOOR } from '../policy/networks/probability.ts';
import { candidateScores } from '../policy/networks/candidate-scores.ts';
import type { Environment } from '../mdp/environment.ts';

/** A transform that was evaluated. */
export interface Trial extends Rewards, Drawn {
  readonly environment: Environment;
  /** As `Draw.actions`. */
  readonly actions: ArrayLike<number>;
}

/** What one step did. */
export interface StepStats {
  /** Updates made, this one included. */
  readonly step: number;
  readonly loss: number;
  /** Mean over trials. */
  readonly meanReward: number;
  /** Mean over trials, before normalisation and clipping. */
  readonly meanAdvantage: number;
  /** Mean over trials of the summed entropies of its decisions, nats. */
  readonly entropy: number;
  /** Mean over trials of log pi(actions). */
  readonly logProb: number;
  /** Mean over trials of the importance weights: 1 where this policy drew all of them. */
  readonly meanWeight: number;
  /** Share of the trials whose weight was clipped. */
  readonly clippedShare: number;
  /** Euclidean norm over all parameters, weight decay not included. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** After the step. */
  readonly baseline: number;
}

/** Decisions of a batch, padded to the widest one. Each row is one decision of one trial. */
interface DecisionTable {
  readonly decisions: number;
  readonly width: number;
  /** Row of every candidate in the batch's scores. [decisions * width] */
  readonly candidate: Int32Array;
  /** 1 where the candidate was allowed. [decisions * width] */
  readonly allowed: Float32Array;
  /** 1 at the action taken. [decisions * width] */
  readonly taken: Float32Array;
  /** Trial and cell of each decision. [decisions] */
  readonly trial: Int32Array;
  readonly cell: Int32Array;
}

/** What a batch's loss is made of, beside the parameters. */
export interface PreparedBatch {
  /** Distinct architectures, in the order of their first trial. */
  readonly environments: readonly Environment[];
  readonly table: DecisionTable;
}

/** Lays out the decisions of all trials; forced decisions (one allowed candidate) have probability 1 and are left out. */
export function prepareBatch(trials: readonly Trial[]): PreparedBatch {
  const offsets = new Map<Environment, number>();
  let candidates = 0;
  let width = 1;
  let rows = 0;
  for (const { environment } of trials) {
    rows += environment.decisions;
    if (offsets.has(environment)) continue;
    offsets.set(environment, candidates);
    candidates += environment.candidateAction.length;
    for (let d = 0; d < environment.decisions; d++) width = Math.max(width, environment.candidateStart[d + 1]! - environment.candidateStart[d]!);
  }
  const candidate = new Int32Array(rows * width);
  const allowed = new Float32Array(rows * width);
  const taken = new Float32Array(rows * width);
  const trialOf = new Int32Array(rows);
  const cellOf = new Int32Array(rows);
  let row = 0;
  trials.forEach(({ environment, actions }, trial) => {
    const offset = offsets.get(environment)!;
    const { decisions, candidateStart, candidateAction, space } = environment;
    if (actions.length !== decisions) throw notAllowed(trial, '', `${actions.length} given for ${decisions} edges`);
    const episode = new Episode(space);
    let cell = 0;
    for (let d = 0; d < decisions; d++) {
      const action = actions[d]!;
      const legal = episode.legalActions();
      if (legal[action] !== 1) throw notAllowed(trial, `[${d}]`, `${action} is not allowed there`);
      episode.step(action);
      if (legal.reduce((count, isLegal) => count + isLegal, 0) === 1) continue; // forced
      for (let i = candidateStart[d]!, at = row * width; i < candidateStart[d + 1]!; i++, at++) {
        candidate[at] = offset + i;
        allowed[at] = legal[candidateAction[i]!]!;
        taken[at] = candidateAction[i] === action ? 1 : 0;
      }
      while (space.edges[d]! >= space.priced.offsets[cell + 1]!) cell++;
      cellOf[row] = cell;
      trialOf[row++] = trial;
    }
  });
  const used = row * width;
  const table = {
    decisions: row,
    width,
    candidate: candidate.subarray(0, used),
    allowed: allowed.subarray(0, used),
    taken: taken.subarray(0, used),
    trial: trialOf.subarray(0, row),
    cell: cellOf.subarray(0, row),
  };
  return { environments: [...offsets.keys()], table };
}

function notAllowed(trial: number, at: string, description: string): DomainError {
  return DomainError.invalid(`trials[${trial}].actions${at}`, description, 'ACTION_NOT_ALLOWED');
}

/** A batch's loss at the parameters given. */
export interface LossAndGradients {
  readonly loss: number;
  /** Sums over trials. */
  readonly logProb: number;
  readonly entropy: number;
  readonly gradients: Map<string, Float32Array>;
  /** Undefined where no trial was to be weighted. */
  readonly importance: ImportanceWeights | undefined;
}

/** Loss, summed log-probability and summed entropy of a batch (sums over trials), and the gradient of the loss. */
export function lossAndGradients(
  tf: Tensorflow,
  config: PolicyConfig,
  parameters: ReadonlyMap<string, HostTensor>,
  { environments, table }: PreparedBatch,
  weights: Float64Array, // advantage / trials, by trial
  entropyWeights: readonly number[], // coefficient / trials, by cell; the last one serves the cells after it
  importance?: Importance, // its weights multiply those of the trials
): LossAndGradients {
  const { decisions, width } = table;
  if (decisions === 0) {
    const gradients = new Map([...parameters].map(([name, { data }]) => [name, new Float32Array(data.length)]));
    // Every decision was forced: all log-probabilities are 0.
    return { loss: 0, logProb: 0, entropy: 0, gradients, importance: importance && importanceWeights(new Float64Array(weights.length), importance) };
  }
  const result = { loss: 0, logProb: 0, entropy: 0, gradients: new Map<string, Float32Array>(), importance: undefined as ImportanceWeights | undefined };
  tf.tidy(() => {
    const names = [...parameters.keys()];
    const tensors = names.map((name) => tf.tensor(parameters.get(name)!.data, [...parameters.get(name)!.shape]));
    const scores = candidateScores(tf, config, environments);
    const candidate = tf.tensor1d(table.candidate, 'int32');
    const allowed = tf.tensor2d(table.allowed, [decisions, width]);
    const taken = tf.tensor2d(table.taken, [decisions, width]);
    const weight = columnOf(tf, table, weights);
    const entropyWeight = tf.tensor2d(
      Float32Array.from(table.cell, (cell) => entropyWeights[Math.min(cell, entropyWeights.length - 1)]!),
      [decisions, 1],
    );
    const masked = allowed.sub(1).mul(1e9); // 0 where allowed, else -1e9
    let sums: Tensor[] = [];

    /** The weights of the decisions, [decisions, 1]: made of numbers that were read back, so that no gradient goes through them. */
    const weighted = (logPi: Tensor): Tensor2D => {
      if (importance === undefined) return weight;
      result.importance = importanceWeights(sumByTrial(table, logPi.dataSync(), weights.length), importance);
      const { weights: ratios } = result.importance;
      return columnOf(tf, table, weights.map((value, t) => value * ratios[t]!)); // prettier-ignore
    };

    const loss = (...values: Tensor[]): Tensor => {
      const s = scores(Object.fromEntries(names.map((name, i) => [name, values[i]!]))); // [candidates, 1]
      const logits: Tensor2D = gatherRows(tf, s, candidate).reshape([decisions, width]).add(masked);
      let logQ: Tensor;
      let q: Tensor;
      if (config.encoder === 'pair') {
        q = tf.softmax(logits).add(PROBABILITY_FLOOR); // not renormalised, as in the official code
        logQ = tf.log(q);
      } else {
        logQ = tf.logSoftmax(logits);
        q = tf.exp(logQ);
      }
      const logPi = logQ.mul(taken).sum(1, true); // [decisions, 1]
      const entropy = q.mul(logQ).mul(allowed).sum(1, true).neg(); // [decisions, 1]
      sums = [tf.keep(logPi.sum()), tf.keep(entropy.sum())];
      return logPi.mul(weighted(logPi)).add(entropy.mul(entropyWeight)).sum().neg();
    };
    const { value, grads } = tf.valueAndGrads(loss)(tensors);
    result.loss = value.dataSync()[0]!;
    [result.logProb, result.entropy] = sums.map((sum) => sum.dataSync()[0]!) as [number, number];
    tf.dispose(sums);
    names.forEach((name, i) => result.gradients.set(name, grads[i]!.dataSync() as Float32Array));
  });
  return result;
}

/** The weight of each decision's trial. -> [decisions, 1] */
function columnOf(tf: Tensorflow, { trial, decisions }: DecisionTable, weights: Float64Array): Tensor2D {
  return tf.tensor2d(Float32Array.from(trial, (t) => weights[t]!), [decisions, 1]); // prettier-ignore
}

/** Sums over the decisions of each trial, in their order. -> [trials] */
function sumByTrial({ trial }: DecisionTable, values: ArrayLike<number>, trials: number): Float64Array {
  const sums = new Float64Array(trials);
  trial.forEach((t, row) => (sums[t]! += values[row]!));
  return sums;
}

/** Learns one policy. On CPU, with the thread count given, the same trials in the same order give the same bits. */
export class Learner {
  readonly #tf: Tensorflow;
  readonly #config: PolicyConfig;
  readonly #hyperparameters: Hyperparameters;
  readonly #parameters: ReadonlyMap<string, HostTensor>;
  #adam: AdamState;
  #baseline: number;
  #disposed = false;

  private constructor(tf: Tensorflow, checkpoint: PolicyCheckpoint, hyperparameters: Hyperparameters) {
    this.#tf = tf;
    this.#config = checkpoint.config;
    this.#hyperparameters = hyperparameters;
    this.#parameters = copyParameters(checkpoint.parameters);
    this.#adam = { step: checkpoint.step, moments: copyMoments(checkpoint.moments) };
    this.#baseline = checkpoint.baseline;
  }

  /** A learner that continues from the checkpoint exactly. */
  static async restore(checkpoint: PolicyCheckpoint, hyperparameters: Hyperparameters, tensorflowOptions: TensorflowOptions = {}): Promise<Learner> {
    const tf = loadTensorflow(tensorflowOptions);
    await tf.ready();
    return new Learner(tf, checkpoint, hyperparameters);
  }

  /** Updates made so far, the checkpoint's included. */
  get updates(): number {
    return this.#adam.step;
  }

  /**
   * One Adam update on the mean loss of the trials.
   * @throws DomainError INVALID_ARGUMENT: an empty batch, a reward or log-probability that is not finite, actions that the environment does not allow
   */
  step(trials: readonly Trial[]): StepStats {
    if (this.#disposed) throw new DomainError('FAILED_PRECONDITION', 'this learner is disposed', { reason: 'LEARNER_DISPOSED' });
    if (trials.length === 0) throw DomainError.invalid('trials', 'a step needs at least one', 'EMPTY_BATCH');
    trials.forEach(({ reward, greedyReward = 0 }, i) => {
      if (!Number.isFinite(reward) || !Number.isFinite(greedyReward)) throw DomainError.invalid(`trials[${i}].reward`, 'a reward is a finite number', 'REWARD');
    });
    const { weightDecay, betas, epsilon, importanceClip = DEFAULT_IMPORTANCE_CLIP } = this.#hyperparameters;
    const batch = prepareBatch(trials);
    const weighting = importanceOf(trials, importanceClip);
    const { advantages: raw, baseline } = advantages(this.#hyperparameters.baseline, this.#baseline, this.updates, trials);
    const scaled = scaleAdvantages(raw, this.#hyperparameters.advantages ?? {});
    const count = trials.length;
    const weights = scaled.map((advantage) => advantage / count);
    const entropyWeights = entropyCoefficientsAt(this.#hyperparameters, this.updates).map((coefficient) => coefficient / count);
    const { loss, logProb, entropy, gradients, importance } = lossAndGradients(
      this.#tf,
      this.#config,
      this.#parameters,
      batch,
      weights,
      entropyWeights,
      weighting,
    );

    const learningRate = learningRateAt(this.#hyperparameters, this.updates);
    const data = new Map([...this.#parameters].map(([name, tensor]) => [name, tensor.data]));
    this.#adam = adamStep(data, gradients, this.#adam, { learningRate, betas, weightDecay, ...(epsilon === undefined ? {} : { epsilon }) });
    this.#baseline = baseline;

    let squares = 0;
    for (const gradient of gradients.values()) for (let i = 0; i < gradient.length; i++) squares += gradient[i]! ** 2;
    return {
      step: this.updates,
      loss,
      meanReward: trials.reduce((sum, { reward }) => sum + reward, 0) / count,
      meanAdvantage: raw.reduce((sum, value) => sum + value, 0) / count,
      entropy: entropy / count,
      logProb: logProb / count,
      meanWeight: importance === undefined ? 1 : importance.weights.reduce((sum, weight) => sum + weight, 0) / count,
      clippedShare: importance === undefined ? 0 : importance.clipped / count,
      gradientNorm: Math.sqrt(squares),
      learningRate,
      baseline,
    };
  }

  /** A copy of everything that the next step depends on. */
  checkpoint(): PolicyCheckpoint {
    return {
      config: this.#config,
      parameters: copyParameters(this.#parameters),
      moments: copyMoments(this.#adam.moments),
      step: this.updates,
      baseline: this.#baseline,
    };
  }

  /** Ends the learner's use; it holds no tensors between steps. Later steps are refused. */
  dispose(): void {
    this.#disposed = true;
  }
}

function copyParameters(parameters: PolicyCheckpoint['parameters']): Map<string, HostTensor> {
  return new Map([...parameters].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
}

function copyMoments(moments: PolicyCheckpoint['moments']): Map<string, { first: Float32Array; second: Float32Array }> {
  return new Map([...moments].map(([name, { first, second }]) => [name, { first: first.slice(), second: second.slice() }]));
}
