/** A search whose rewards are looked up, in one process: the rounds of a `tabular` search without the services around them. */
import type { CompiledPolicy, Draw } from '@nat/policy';
import { collateRound, pairsOfRound } from '../round.ts';
import { SearchSession, type SessionSpec } from '../session.ts';
import type { NasBench201Task } from './held-out-gain.ts';
import { codeOfNames, codeOfText, type CellResults } from './cell-results.ts';

export interface TabularSearchOptions {
  readonly task: NasBench201Task;
  readonly spec: SessionSpec;
  readonly steps: number;
  /** Value of a cell. @default the task's reward */
  readonly rewardOf?: (code: number) => number;
  readonly onStep?: (step: number) => void;
}

export interface TabularSearchResult {
  /** As `SearchSession.serialize` gives it. */
  readonly checkpoint: Uint8Array;
  /** Pairs evaluated, those that came again included. */
  readonly pairs: number;
  /** Distinct cells looked up, sources and results. */
  readonly distinct: number;
}

/** Learns a policy from looked-up rewards: the same bits as the services give for the same spec and thread count. */
export async function searchTabular({ task, spec, steps, rewardOf, onStep }: TabularSearchOptions): Promise<TabularSearchResult> {
  const session = new SearchSession(spec, { loadTable: () => task.table });
  const seen = new Set<number>();
  const value = (cell: string): number => {
    const code = codeOfText(cell);
    seen.add(code);
    return rewardOf === undefined ? task.rewards.value[code]! : rewardOf(code);
  };
  let count = 0;
  for (let step = 1; step <= steps; step++) {
    const trials = session.draw(step);
    const round = pairsOfRound(trials);
    const outcomes = round.pairs.map(({ source, result }) => ({ sourceValue: value(source), resultValue: value(result) }));
    await session.learn(collateRound(trials, round, outcomes).counted);
    count += round.pairs.length;
    onStep?.(step);
  }
  return { checkpoint: session.serialize(), pairs: count, distinct: seen.size };
}

/** Code of the greedy result of every cell. */
export function greedyCodes(policy: CompiledPolicy, cells: readonly CellResults[]): readonly number[] {
  return cells.map(({ subject }) => codeOfDraw(policy.draw(subject, { mode: 'greedy' })));
}

/** Code of what a draw results in. */
export function codeOfDraw({ result }: Draw): number {
  return codeOfNames(result.cells[0]!.edges.map(({ operation }) => operation.name));
}
