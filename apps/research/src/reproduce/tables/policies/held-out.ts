/** What a policy is worth: its greedy results of sources that it did not learn from, trained from scratch beside the sources. */
import { networkCost, lower, type Architecture, type SchemeName } from '@nat/cells';
import { PolicyInference, type SampledTransform, type MeanInterval, pairedDifference, parseCheckpoint, createEnvironment } from '@nat/nat';
import type { RowContext } from '../../result-table.ts';
import { childOf, SIZE } from '../cifar10/children.ts';
import { HELD_OUT_STEPS, heldOutOf, type PolicySpace } from './spaces.ts';

export interface HeldOutResult {
  /** Mean test accuracy. */
  readonly source: number;
  readonly result: number;
  /** result - source, paired. */
  readonly difference: MeanInterval;
  /** Shares of what the sources have. */
  readonly savedParams: number;
  readonly savedMacs: number;
  /** Shares of the edges that may be edited. */
  readonly edges: EdgeShares;
}

/** What became of edges; the shares add up to 1. */
export interface EdgeShares {
  readonly kept: number;
  readonly removed: number;
  readonly skipped: number;
  /** Another operation that computes. */
  readonly exchanged: number;
}

/** Source i and its result train with seed + 1 + i: the same initial weights' seed, images and order. */
export async function judge(checkpoint: Uint8Array, space: PolicySpace, scheme: SchemeName, seed: number, context: RowContext): Promise<HeldOutResult> {
  const policy = new PolicyInference(parseCheckpoint(checkpoint));
  const sources = heldOutOf(space, seed);
  const draws = sources.map((source) => policy.sample(createEnvironment(source, { scheme, mode: 'cost-masked', placement: SIZE }), { mode: 'greedy' }));
  const [before, after]: [number[], number[]] = [[], []];
  for (const [i, draw] of draws.entries()) {
    const test = async (architecture: Architecture): Promise<number> =>
      (await childOf({ architecture, seed: seed + 1 + i, steps: HELD_OUT_STEPS, test: true }, context)).test!;
    before.push(await test(sources[i]!));
    after.push(await test(draw.result));
    context.note(`held out ${i + 1}/${sources.length}: ${(100 * before[i]!).toFixed(1)} % -> ${(100 * after[i]!).toFixed(1)} %`);
  }
  return {
    source: mean(before),
    result: mean(after),
    difference: pairedDifference(before, after),
    ...savings(draws),
    edges: edgeShares(draws),
  };
}

function savings(draws: readonly SampledTransform[]): Pick<HeldOutResult, 'savedParams' | 'savedMacs'> {
  const costs = draws.map(({ environment, result }) => [environment.architecture, result].map((of) => networkCost(lower(of, SIZE))));
  const saved = (of: 'params' | 'macs'): number => mean(costs.map(([source, result]) => 1 - result![of] / source![of]));
  return { savedParams: saved('params'), savedMacs: saved('macs') };
}

function edgeShares(draws: readonly SampledTransform[]): EdgeShares {
  const edges = draws.flatMap(({ edges: of }) => of);
  const share = (belongs: (edge: (typeof edges)[number]) => boolean): number => edges.filter(belongs).length / edges.length;
  return {
    kept: share(({ before, after }) => after === before),
    removed: share(({ before, after }) => after !== before && after === 'null'),
    skipped: share(({ before, after }) => after !== before && after === 'skip_connect'),
    exchanged: share(({ before, after }) => after !== before && after !== 'null' && after !== 'skip_connect'),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
