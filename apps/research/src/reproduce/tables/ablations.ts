/** What each part of a search is worth: one of its choices replaced at a time, on NAS-Bench-201. */
import {
  type AdvantageScaling,
  PolicyInference,
  EDGE_POLICY,
  type Hyperparameters,
  LSTM_POLICY,
  parseCheckpoint,
  searchHyperparameters,
  type SessionSpec,
} from '@nat/nat';
import { actionTableCodes, uniformCodes } from '../../nasbench201/simple-transforms.ts';
import { greedyCodes, sampledCodes, searchTabular } from '../../nasbench201/tabular-search.ts';
import type { NasBench201Task } from '../../nasbench201/held-out-gain.ts';
import {
  absolute,
  decimals,
  differenceColumn,
  exact,
  meanColumn,
  percent,
  plainColumn,
  type Column,
  type ResultRow,
  type ResultTable,
  type RowContext,
  type Section,
  type Values,
  unavailableWithout,
} from '../result-table.ts';
import { taskOf } from './nasbench201-task.ts';

const SEEDS = [0, 1, 2];
/** Fewer and smaller steps than the NAS-Bench-201 table's 500 of 512. */
const STEPS = 150;
const BATCH = 256;

/** Advantages as the preset has them, without the root. */
const LINEAR: AdvantageScaling = { normalization: 'rms', clip: 3 };

/** What a row changes of the reference. */
type Change = Partial<Pick<SessionSpec, 'scheme' | 'mode' | 'config' | 'batch'>> & { readonly hyperparameters?: Partial<Hyperparameters> };

interface Learned {
  readonly policy: PolicyInference;
  /** Pairs evaluated while learning, those that came again included. */
  readonly pairs: number;
}

/** Preset `tabular`, edge encoder, scheme nat, cost-masked. */
function specOf(seed: number, { threads }: RowContext, { hyperparameters = {}, ...change }: Change): SessionSpec {
  const tuned = searchHyperparameters({ preset: 'tabular', steps: STEPS, baseline: 'self-critical' });
  return {
    space: 'nasbench201',
    scheme: 'nat',
    mode: 'cost-masked',
    placement: {},
    config: EDGE_POLICY,
    seed,
    batch: BATCH,
    threads,
    ...change,
    hyperparameters: { ...tuned, ...hyperparameters },
  };
}

/** As bytes: the pairs before the checkpoint. */
async function learn(seed: number, context: RowContext, change: Change): Promise<Uint8Array> {
  const spec = specOf(seed, context, change);
  context.note(`learning a policy: ${STEPS} steps of ${spec.batch}`);
  const { pairs, checkpoint } = await searchTabular({ task: taskOf(context), spec, steps: STEPS });
  return new Uint8Array([...new Uint8Array(Uint32Array.of(pairs).buffer), ...checkpoint]);
}

function learnedOf(bytes: Uint8Array): Learned {
  return { policy: new PolicyInference(parseCheckpoint(bytes.subarray(4))), pairs: new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) };
}

/** The policy that every other row is compared with. */
async function reference(seed: number, context: RowContext): Promise<Learned> {
  return learnedOf(await context.artifact(`reference-${seed}`, () => learn(seed, context, {})));
}

async function referenceGain(task: NasBench201Task, seed: number, context: RowContext): Promise<number> {
  const { policy } = await reference(seed, context);
  return task.gainOf(greedyCodes(policy, task.heldOut)).gain;
}

/** What a way to transform the held-out cells comes to, beside the reference. `lookUps`: evaluations of held-out cells' results that chose among them. */
async function compared(
  seed: number,
  context: RowContext,
  codes: readonly number[],
  counts: { readonly pairs: number; readonly lookUps?: number },
): Promise<Values> {
  const task = taskOf(context);
  return { ...task.gainOf(codes), reference: await referenceGain(task, seed, context), lookUps: 0, ...counts };
}

/** A policy that is learned with one change, and transforms every held-out cell greedily, under the same rules. */
function changedRow(name: string, title: string, change: Change): ResultRow {
  const compute = async (seed: number, context: RowContext): Promise<Values> => {
    const task = taskOf(context);
    const { policy, pairs } = learnedOf(await learn(seed, context, change));
    const { scheme, mode } = specOf(seed, context, change);
    const cells = task.heldOutUnder({ scheme, mode });
    const codes = greedyCodes(policy, cells);
    return { ...(await compared(seed, context, codes, { pairs })), accuracy: task.meanScore(codes), attainable: task.attainable(cells) };
  };
  return { name, title, seeds: SEEDS, compute };
}

function row(name: string, title: string, compute: (task: NasBench201Task, seed: number, context: RowContext) => Promise<Values>): ResultRow {
  return { name, title, seeds: SEEDS, compute: (seed, context) => compute(taskOf(context), seed, context) };
}

const referenceRow = row('reference', 'the reference', async (task, seed, context) => {
  const { policy, pairs } = await reference(seed, context);
  const codes = greedyCodes(policy, task.heldOut);
  return { ...(await compared(seed, context, codes, { pairs })), accuracy: task.meanScore(codes), attainable: task.attainable(task.heldOut) };
});

/** The best of so many samples of the reference policy. */
function sampledRow(draws: number, by: 'reward' | 'likelihood', title: string): ResultRow {
  return row(`samples/${by}-${draws}`, title, async (task, seed, context) => {
    const { policy, pairs } = await reference(seed, context);
    const { codes, lookUps } = sampledCodes(task, policy, { draws, seed, by });
    return compared(seed, context, codes, { pairs, lookUps });
  });
}

function randomRow(draws: number): ResultRow {
  const title = draws === 1 ? 'a random result' : `best of ${draws} random results`;
  return row(`random/${draws}`, title, (task, seed, context) =>
    compared(seed, context, uniformCodes(task, { draws, seed }), { pairs: 0, lookUps: draws === 1 ? 0 : draws * task.heldOut.length }),
  );
}

const columns: readonly Column[] = [
  plainColumn('pairs evaluated', 'pairs', decimals(0)),
  meanColumn('gain', 'gain', percent(1)),
  differenceColumn('against the reference', { before: 'reference', after: 'gain' }, percent(1)),
  meanColumn('sources above 90 % change by', 'changeAbove90', decimals(3)),
];
const withLookUps: readonly Column[] = [columns[0]!, plainColumn('look-ups to choose', 'lookUps', decimals(0)), ...columns.slice(1)];
const withRules: readonly Column[] = [
  ...columns,
  meanColumn('results', 'accuracy', decimals(2)),
  plainColumn('attainable', 'attainable', decimals(2)),
  plainColumn('dearer results', 'dearer', decimals(0)),
];

const sections: readonly Section[] = [
  { title: 'Reference', text: '', rows: [referenceRow], columns: withRules },
  {
    title: 'Entropy',
    text: `Coefficient of the entropy in the loss. The reference starts at 0.2 and falls linearly to 0. Reading: with little or none, some seeds settle on poor edits early
and others do not; from 0.2 on every seed gets there, and whether the coefficient falls makes no difference.`,
    rows: [
      changedRow('entropy/none', '0', { hyperparameters: { entropy: 0 } }),
      changedRow('entropy/paper', '0.003, constant (the papers)', { hyperparameters: { entropy: 0.003, entropyDecaySteps: Infinity } }),
      changedRow('entropy/weak', '0.05, falling', { hyperparameters: { entropy: 0.05 } }),
      changedRow('entropy/constant', '0.2, constant', { hyperparameters: { entropyDecaySteps: Infinity } }),
      changedRow('entropy/strong', '0.8, falling', { hyperparameters: { entropy: 0.8 } }),
    ],
    columns,
  },
  {
    title: 'Baseline',
    text: `The reference is self-critical: every trial is compared with the greedy result of its source, which is one more pair to evaluate unless another trial has it. So
one row has twice the trials. Reading: without a greedy result to compare with, one seed (two without any baseline) settles 13 to 35 points lower, and as many
evaluations do not mend it; the others come close to the reference, so three seeds do not prove a difference.`,
    rows: [
      changedRow('baseline/none', 'none', { hyperparameters: { baseline: { kind: 'moving-average-official', decay: 1 } } }),
      changedRow('baseline/official', 'moving average as in the official code', { hyperparameters: { baseline: { kind: 'moving-average-official', decay: 0.99 } } }), // prettier-ignore
      changedRow('baseline/moving-average', 'moving average', { hyperparameters: { baseline: { kind: 'moving-average', decay: 0.99 } } }),
      changedRow('baseline/moving-average-double', 'moving average, twice the trials', { batch: 2 * BATCH, hyperparameters: { baseline: { kind: 'moving-average', decay: 0.99 } } }), // prettier-ignore
    ],
    columns,
  },
  {
    title: 'Shape of advantages',
    text: `The reference takes the signed root of every advantage before it divides by their root mean square. Reading: without the root one seed loses 17 points, one 7 and
one nothing.`,
    rows: [changedRow('advantages/linear', 'linear', { hyperparameters: { advantages: LINEAR } })],
    columns,
  },
  {
    title: 'Encoder',
    text: `The reference passes messages between edges twice (41,616 parameters). The LSTM reads the edges one after another, from both ends (40,802) or forwards only
(23,690). Its own settings are linear advantages and a learning rate of 0.01, the best of the few tried on training cells. The \`pair\` encoder does not apply: it
reads cells of two inputs whose nodes have two edges each, and these cells have one input and nodes of one, two and three. Reading: in place of messages the
LSTM, with settings of its own, comes about as far as a table that reads no context, and with the reference's not even there.`,
    rows: [
      changedRow('encoder/edge-1', 'edge, one round of messages', { config: { ...EDGE_POLICY, layers: 1 } }),
      changedRow('encoder/lstm', 'LSTM, both directions', { config: LSTM_POLICY }),
      changedRow('encoder/lstm-1', 'LSTM, forwards only', { config: { ...LSTM_POLICY, layers: 1 } }),
      changedRow('encoder/lstm-tuned', 'LSTM, forwards only, its own settings', { config: { ...LSTM_POLICY, layers: 1 }, hyperparameters: { learningRate: 0.01, advantages: LINEAR } }), // prettier-ignore
      row('encoder/action-table', 'none: an action table without context', (task, seed, context) =>
        compared(seed, context, actionTableCodes(task, { steps: STEPS, batch: BATCH, seed }), { pairs: 2 * STEPS * BATCH }),
      ),
    ],
    columns,
  },
  {
    title: 'Transitions and masks',
    text: `The reference keeps, cuts or skips (\`nat\`), and may not make anything dearer (cost-masked). \`nat++\` may also exchange types and kernels, as far as the table has
the operation: 3x3 convolutions become 1x1 convolutions and average pools; separable and dilated convolutions and max pools are left out. Gains are counted on the
scale of \`nat\`, so they can exceed 100 %; attainable is the mean of the best results that the rules allow and that have no more params and MACs. Reading: what
\`nat++\` adds is hardly worth anything here, and one seed in three lost itself in it; the masks of the official code do no harm, and make nothing dearer where no
edge has a stride.`,
    rows: [changedRow('rules/nat++', 'nat++', { scheme: 'nat++' }), changedRow('rules/parity', 'nat, masks of the official code', { mode: 'official' })],
    columns: withRules,
  },
  {
    title: 'Greedy and sampled results',
    text: `Results of the reference policy. Look-ups are evaluations of distinct results of the held-out cells, on which the choice among samples then rests; random results
are drawn uniformly from what costs no more, and looked up likewise. The best of 35 random results costs about as many look-ups as the policy's search had pairs.
Reading: one sample is worse than the greedy result in every seed; looking up the two or three different results among five to fifty samples adds up to a point;
random search comes nearly as far with 35 look-ups a cell as the policy with none, and ahead with 50.`,
    rows: [
      sampledRow(1, 'reward', 'one sample'),
      sampledRow(50, 'likelihood', 'the likeliest of 50 samples'),
      ...[5, 10, 50].map((draws) => sampledRow(draws, 'reward', `best of ${draws} samples`)),
      ...[1, 5, 10, 35, 50].map(randomRow),
    ],
    columns: withLookUps,
  },
];

const accuracy = absolute(0.3);

export const ablations: ResultTable = {
  name: 'ablations',
  title: 'Ablations',
  text: `One choice of a search replaced at a time, on NAS-Bench-201. Cells, held-out cells and gains are those of the NAS-Bench-201 table; searches are smaller (${STEPS} steps
of ${BATCH} trials). The reference: preset \`tabular\`, edge encoder, scheme \`nat\`, cost-masked, one greedy result a held-out cell. Differences are paired by seed.
Settings were tuned for the reference; a replacement has its own only where its row says so.`,
  revision: 1,
  measures: {
    gain: absolute(0.02),
    reference: absolute(0.02),
    changeAbove90: absolute(0.2),
    dearer: exact,
    pairs: absolute(2000),
    lookUps: absolute(500),
    accuracy,
    attainable: absolute(1e-6),
  },
  sections,
  unavailable: unavailableWithout(taskOf),
};
