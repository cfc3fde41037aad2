/**
 * Successive halving (Jamieson and Talwalkar 2016): all candidates are trained for a little, the better ones for longer, the best to the end. Every
 * survivor goes on on the schedule of a whole training, so the winner equals itself trained without competition.
 */
import { DomainError } from '@nat/base/errors';

export interface HalvingOptions {
  readonly candidates: number;
  /** Of a whole training. */
  readonly epochs: number;
  /** From rung to rung so many times fewer candidates train for so many times more epochs. */
  readonly reduction: number;
  /** @default as many as candidates and epochs allow */
  readonly rungs?: number;
}

export interface Rung {
  /** Each candidate's epochs at the end of the rung, those of earlier rungs included. */
  readonly epochs: number;
  readonly candidates: number;
}

/** @throws DomainError INVALID_ARGUMENT for more rungs than candidates and epochs allow */
export function planRungs({ candidates, epochs, reduction, rungs }: HalvingOptions): readonly Rung[] {
  let most = 1;
  while (Math.min(candidates, epochs) >= reduction ** most) most++;
  if (rungs !== undefined && rungs > most) {
    throw DomainError.invalid(
      'rungs',
      `${candidates} candidates and ${epochs} epochs at a reduction of ${reduction} allow ${most}, not ${rungs}`,
      'TOO_MANY_RUNGS',
    );
  }
  const count = rungs ?? most;
  return Array.from({ length: count }, (_, rung) => ({
    epochs: Math.floor(epochs / reduction ** (count - 1 - rung)),
    candidates: Math.floor(candidates / reduction ** rung),
  }));
}

/** What a rung says of a candidate. */
export interface Judgement {
  /** Higher is better. */
  readonly accuracy: number;
  /** Of equally accurate ones the cheaper is better, then the one named first. */
  readonly cost: number;
}

/** @returns the best of those judged, as positions in their order; without a judgement one drops out */
export function survivors(judgements: readonly (Judgement | undefined)[], count: number): readonly number[] {
  const judged = judgements.flatMap((judgement, position) => (judgement === undefined ? [] : [{ ...judgement, position }]));
  return judged
    .sort((a, b) => b.accuracy - a.accuracy || a.cost - b.cost || a.position - b.position)
    .slice(0, count)
    .map(({ position }) => position)
    .sort((a, b) => a - b);
}
