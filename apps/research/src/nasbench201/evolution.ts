/** Regularized evolution (Real et al., AAAI 2019) among the results of one source. */
import type { RandomStream } from '@nat/base/random';
import { codeOf, type CellResults, type CellTable } from './cell-results.ts';

export interface EvolutionOptions {
  /** Look-ups for one source, the first population's included. */
  readonly evaluations: number;
  /** @default 10 */
  readonly population?: number;
  /** Members of a tournament. @default 3 */
  readonly tournament?: number;
}

/** The best result that a run finds, as digits. A mutation gives one edge another of its targets; the oldest member dies. */
export function evolve(table: CellTable, { digits, targets }: CellResults, stream: RandomStream, options: EvolutionOptions): readonly number[] {
  const { evaluations, population: size = 10, tournament = 3 } = options;
  const valueOf = (member: readonly number[]): number => table.value[codeOf(member)]!;
  const free = targets.flatMap((choices, edge) => (choices.length > 1 ? [edge] : []));
  let best = { member: digits, value: valueOf(digits) };
  if (free.length === 0) return digits;
  const population: { readonly member: readonly number[]; readonly value: number }[] = [];
  const add = (member: readonly number[]): void => {
    const value = valueOf(member);
    const evaluated = { member, value };
    if (value > best.value) best = evaluated;
    population.push(evaluated);
    if (population.length > size) population.shift();
  };
  for (let i = 0; i < evaluations; i++) {
    if (i < size) {
      add(targets.map((choices) => choices[stream.integer(choices.length)]!));
      continue;
    }
    let parent = population[stream.integer(population.length)]!;
    for (let k = 1; k < tournament; k++) {
      const rival = population[stream.integer(population.length)]!;
      if (rival.value > parent.value) parent = rival;
    }
    const edge = free[stream.integer(free.length)]!;
    const others = targets[edge]!.filter((digit) => digit !== parent.member[edge]);
    add(parent.member.map((digit, e) => (e === edge ? others[stream.integer(others.length)]! : digit)));
  }
  return best.member;
}
