/**
 * How the settings of a reward model are chosen: on training cells alone. One functional class in ten of the training cells is validated on (`iso_class %
 * 10 = 1`), models are fitted on some of the other training cells, and no held-out cell is a source, an evaluation or a result.
 */
import { columnOf } from '@nat/datasets';
import { RandomStream } from '@nat/base/random';
import type { RewardModelOptions } from '../reward-model/reward-model.ts';
import { HELD_OUT_MODULUS } from '@nat/nat';
import { codeOf } from './cell-results.ts';
import { fitRewardModel, predictorOf } from './few-evaluations.ts';
import type { NasBench201Task } from './held-out-gain.ts';

/** `iso_class % HELD_OUT_MODULUS` of the cells validated on; 0 is held out. */
const VALIDATED = 1;

/** A source to validate on, as codes. */
interface Validated {
  readonly source: number;
  /** Training cells that it may become and that cost no more, itself among them. */
  readonly results: readonly number[];
}

/** The training cells of a task, split once more. */
export class InnerValidation {
  readonly #task: NasBench201Task;
  /** Codes of the cells that may be evaluated. */
  readonly #fitting: readonly number[];
  readonly #validated: readonly Validated[];

  constructor(task: NasBench201Task) {
    this.#task = task;
    const isoClass = columnOf(task.table, 'iso_class');
    const isValidated = ({ row }: { readonly row: number }): boolean => isoClass[row]! % HELD_OUT_MODULUS === VALIDATED;
    const heldOut = new Set(task.heldOut.map(({ digits }) => codeOf(digits)));
    this.#fitting = task.training.filter((cell) => !isValidated(cell)).map(({ digits }) => codeOf(digits));
    this.#validated = task.training.filter(isValidated).map((cell) => ({
      source: codeOf(cell.digits),
      results: task.scores.affordable(cell).filter((code) => !heldOut.has(code)),
    }));
  }

  /** Sources validated on. */
  get size(): number {
    return this.#validated.length;
  }

  /**
   * Gain (as `HeldOutGain.gain`) over the sources validated on, each becoming what a model of so many random cells predicts best.
   * @param evaluations cells that the model is fitted on
   */
  gainOf(options: RewardModelOptions, { evaluations, seed }: { readonly evaluations: number; readonly seed: number }): number {
    const { rewards, scores } = this.#task;
    const codes = RandomStream.of(seed, 'inner-validation')
      .shuffle([...this.#fitting])
      .slice(0, evaluations);
    const predict = predictorOf(fitRewardModel(new Map(codes.map((code) => [code, rewards.value[code]!])), options));
    const score = (code: number): number => scores.value[code]!;
    const highest = (results: readonly number[], by: (code: number) => number): number => results.reduce((a, b) => (by(b) > by(a) ? b : a));
    let gained = 0;
    let attainable = 0;
    for (const { source, results } of this.#validated) {
      gained += score(highest(results, predict)) - score(source);
      attainable += score(highest(results, score)) - score(source);
    }
    return gained / attainable;
  }
}
