/** Where a gain starts to show: the networks without one in their own tables, and their published results, trained longer. */
import { zooArchitecture } from '@nat/cells';
import { absolute, differenceColumn, meanColumn, percent, unavailableWithout, type ResultRow, type ResultTable } from '../../result-table.ts';
import { childOf, cifar10, STEPS } from './children.ts';

const PAIRS = [
  { source: 'ResBlock', result: 'NAT_ResBlock' },
  { source: 'VGG', result: 'NAT_VGG' },
] as const;
/** Beside the 500 of the networks' own tables. */
const LENGTHS = [1_000, 2_000];
const SEEDS = [1, 2, 3];

const rows = PAIRS.flatMap(({ source, result }) =>
  LENGTHS.map((steps): ResultRow => ({
    name: `${source}/${steps}`,
    title: `${result} beside ${source}, ${steps.toLocaleString('en')} steps`,
    seeds: SEEDS,
    compute: async (seed, context) => {
      const judge = async (name: string): Promise<number> => (await childOf({ architecture: zooArchitecture(name), seed, steps, test: true }, context)).test!;
      return { source: await judge(source), result: await judge(result) };
    },
  })),
);

/** Rounding of another processor grows into another network of the same kind. */
const accuracy = absolute(0.03);

export const longer: ResultTable = {
  name: 'cifar10-longer',
  title: 'CIFAR-10, where a gain starts',
  text: `The two networks without a gain in their tables above, and what the official code made of them at full size, as there but trained for more than ${STEPS} steps:
the same 8 channels and 3 cells, batches of 64, images and seeds.`,
  threads: 1,
  revision: 1,
  measures: { source: accuracy, result: accuracy },
  sections: [
    {
      title: 'Longer training',
      text: `Six of seven pairs so far have the result ahead, but two seeds are too few for an interval that leaves 0 out: where a gain starts is not settled.`,
      rows,
      columns: [
        meanColumn('test accuracy of the source', 'source', percent(2)),
        meanColumn('of the result', 'result', percent(2)),
        differenceColumn('paired difference', { before: 'source', after: 'result' }, percent(2)),
      ],
    },
  ],
  unavailable: unavailableWithout(cifar10),
};
