/** The policies that come with the platform: how they were learned, and what they are worth on sources that they did not learn from. */
import type { SchemeName } from '@nat/cells';
import {
  absolute,
  percent,
  plainColumn,
  unavailableWithout,
  type Column,
  type ResultRow,
  type ResultTable,
  type RowContext,
  type Values,
} from '../../result-table.ts';
import { cifar10 } from '../cifar10/children.ts';
import { publishPolicies } from './card.ts';
import { judge } from './held-out.ts';
import { learnedPolicy } from './learned-policy.ts';
import { CHILD_STEPS, EDITS, HELD_OUT, HELD_OUT_STEPS, SCHEMES, SEED, SOURCES, SPACES, TRIALS, UPDATES, type PolicySpace } from './spaces.ts';

/** Name of a row. */
function rowName({ id }: PolicySpace, scheme: SchemeName): string {
  return `${id}/${scheme}`;
}

function row(space: PolicySpace, scheme: SchemeName): ResultRow {
  return {
    name: rowName(space, scheme),
    title: `${space.cells}, ${scheme}`,
    seeds: [SEED],
    compute: (seed, context) => valuesOf(space, scheme, seed, context),
  };
}

async function valuesOf(space: PolicySpace, scheme: SchemeName, seed: number, context: RowContext): Promise<Values> {
  const { checkpoint, curve, rewardModel, edits } = await learnedPolicy(space, scheme, seed, context);
  const { edges, difference, ...heldOut } = await judge(checkpoint, space, scheme, seed, context);
  return {
    children: SOURCES * (1 + EDITS),
    editChange: edits.mean,
    editDeviation: edits.deviation,
    agreement: rewardModel.agreement,
    predictedReward: curve.reward.at(-1)!,
    entropy: curve.entropy.at(-1)!,
    ...heldOut,
    difference: difference.mean,
    differenceHalf: difference.half,
    ...edges,
  };
}

/** `mean ± half` of the row's own interval, which is over sources: there is one seed. */
const differenceOverSources: Column = {
  title: 'paired difference',
  cell: ([first]) => `${percent(2)(first!['difference']!)} ± ${percent(2)(first!['differenceHalf']!)}`,
};

/** Rounding of another processor grows into other children, another model of them and another policy: wide where all three come in. */
const accuracy = absolute(0.03);
const share = absolute(0.35);

const ROWS = SPACES.flatMap((space) => SCHEMES.map((scheme) => row(space, scheme)));

/** Whether its row is among the computed, with the seed of what is bundled. */
function isBundled(space: PolicySpace, scheme: SchemeName, computed: readonly { readonly name: string; readonly seed: number }[]): boolean {
  return computed.some(({ name, seed }) => name === rowName(space, scheme) && seed === SEED);
}

export const policies: ResultTable = {
  name: 'policies',
  title: 'Bundled policies',
  text: `Policies for three spaces of cells, in two schemes: \`nat transform --policy ID\`, where an id is \`nat\` or \`natv2\` with \`-block\`,
\`-fully-concat\` or \`-loose-end\`. \`--publish\` writes them to \`apps/policy/bundled\`, each with its model card.

For each space ${SOURCES} sources are drawn, the published architecture among them, and ${EDITS} random edits of each, which touch a quarter, a half and all of the edges. Sources and
edits, ${SOURCES * (1 + EDITS)} children, are trained from scratch for ${CHILD_STEPS} steps on CIFAR-10, as in the tables of CIFAR-10 (8 channels, 3 cells, batches of 64), and scored on validation images. One
reward model of what edits do to the validation accuracy of their source is fitted on all of them; for each scheme a policy (edge encoder, 24 wide) learns from
its predictions in ${UPDATES} updates of ${TRIALS} transforms. Then ${HELD_OUT} other sources and the policy's greedy results of them are trained for ${HELD_OUT_STEPS} steps and compared on the 10,000 test
images: the interval is over these pairs. One learning a policy: the intervals do not hold the luck of learning. Pairs in order: of the children of a source,
the share of pairs that the reward model orders rightly when it has not seen that source; a guess gets 50 %, and the model is the best of 16, so the share
flatters.`,
  threads: 1,
  revision: 1,
  measures: {
    children: absolute(0),
    editChange: accuracy,
    editDeviation: accuracy,
    agreement: absolute(0.25),
    predictedReward: absolute(2),
    entropy: absolute(3),
    source: accuracy,
    result: absolute(0.06),
    difference: absolute(0.06),
    differenceHalf: absolute(0.06),
    savedParams: share,
    savedMacs: share,
    kept: share,
    removed: share,
    skipped: share,
    exchanged: share,
  },
  sections: [
    {
      title: 'Greedy results of held-out sources',
      text: `Around the residual block neither shows a gain, both intervals hold 0: NAT keeps nearly every edge, and NAT++ makes average pools of separable and dilated
convolutions, which costs one source 9 points. In fully concatenated cells NAT keeps everything, for its model expects no skip to pay; NAT++ exchanges a third of the
operations for cheaper ones, 14 % of the multiply-accumulates, and its results are no worse within the noise. So with loose
ends, where NAT++ saves half of the parameters and a third of the multiply-accumulates for 1.9 points, whose interval holds 0. These policies say what is cheap
without much harm after a few minutes of training; nothing here teaches what gains.`,
      rows: ROWS,
      columns: [
        plainColumn('source', 'source', percent(2)),
        plainColumn('result', 'result', percent(2)),
        differenceOverSources,
        plainColumn('pairs in order', 'agreement', percent(0)),
        plainColumn('parameters saved', 'savedParams', percent(0)),
        plainColumn('MACs saved', 'savedMacs', percent(0)),
        plainColumn('edges kept', 'kept', percent(0)),
        plainColumn('removed', 'removed', percent(0)),
        plainColumn('skipped', 'skipped', percent(0)),
        plainColumn('exchanged', 'exchanged', percent(0)),
      ],
    },
  ],
  publishFiles: (computed, context) =>
    publishPolicies(
      SPACES.flatMap((space) => SCHEMES.flatMap((scheme) => (isBundled(space, scheme, computed) ? [{ space, scheme }] : []))),
      context,
    ),
  unavailable: unavailableWithout(cifar10),
};
