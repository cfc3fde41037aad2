/** What a policy gains on NAS-Bench-201, of which every cell has been trained. */
import { PolicyInference, EDGE_POLICY, parseCheckpoint, searchHyperparameters, type SessionSpec } from '@nat/nat';
import { actionTableCodes, evolvedCodes, uniformCodes } from '../../nasbench201/simple-transforms.ts';
import {
  bestEvaluated,
  bestPredicted,
  evaluateActively,
  evaluateByEvolution,
  type Evaluated,
  evaluateRandom,
  fitRewardModel,
  predictorOf,
} from '../../nasbench201/few-evaluations.ts';
import { greedyCodes, searchTabular } from '../../nasbench201/tabular-search.ts';
import type { NasBench201Task } from '../../nasbench201/held-out-gain.ts';
import { RIDGE } from '../../reward-model/reward-model.ts';
import { scoreUnderConstraint } from '../../nasbench201/constraints.ts';
import {
  absolute,
  decimals,
  exact,
  meanColumn,
  percent,
  plainColumn,
  type Column,
  type Measure,
  type ResultRow,
  type ResultTable,
  type RowContext,
  type Section,
  type Values,
  unavailableWithout,
} from '../result-table.ts';
import { taskOf } from './nasbench201-task.ts';

const SEEDS = [0, 1, 2];
const FULL = { steps: 500, batch: 512 };
/** Steps of policies that learn from a reward model: its rewards cost nothing, more steps gain nothing. */
const FROM_MODEL = { steps: 200, batch: 256 };
const BUDGETS = [500, 2000] as const;
const FEW = 500;

interface Size {
  readonly steps: number;
  readonly batch: number;
}

function searchSpec(seed: number, { threads }: RowContext, { steps, batch }: Size, baseline: 'self-critical' | 'moving-average'): SessionSpec {
  const hyperparameters = searchHyperparameters({ preset: 'tabular', steps, baseline });
  return { space: 'nasbench201', scheme: 'nat', mode: 'cost-masked', placement: {}, config: EDGE_POLICY, seed, batch, hyperparameters, threads };
}

function policyOf(checkpoint: Uint8Array): PolicyInference {
  return new PolicyInference(parseCheckpoint(checkpoint));
}

/** The policy of one seed: the same as `nat search --space nasbench201 --evaluator tabular --steps 500 --batch 512 --seed N` learns. */
async function oneShotPolicy(seed: number, context: RowContext): Promise<PolicyInference> {
  const checkpoint = await context.artifact(`one-shot-${seed}.safetensors`, async () => {
    context.note(`learning a policy: ${FULL.steps} steps of ${FULL.batch}`);
    return (await searchTabular({ task: taskOf(context), spec: searchSpec(seed, context, FULL, 'self-critical'), steps: FULL.steps })).checkpoint;
  });
  return policyOf(checkpoint);
}

/** A row whose method transforms every held-out cell. `lookUps`: evaluations it needed in all. */
function gainRow(
  name: string,
  title: string,
  method: (task: NasBench201Task, seed: number, context: RowContext) => Promise<{ readonly codes: readonly number[]; readonly lookUps: number }>,
): ResultRow {
  const compute = async (seed: number, context: RowContext): Promise<Values> => {
    const task = taskOf(context);
    const { codes, lookUps } = await method(task, seed, context);
    return { ...task.gainOf(codes), lookUps };
  };
  return { name, title, seeds: SEEDS, compute };
}

/** A row whose method needs no waiting. */
function plainRow(
  name: string,
  title: string,
  lookUps: (task: NasBench201Task) => number,
  codes: (task: NasBench201Task, seed: number) => readonly number[],
): ResultRow {
  return gainRow(name, title, (task, seed) => Promise.resolve({ codes: codes(task, seed), lookUps: lookUps(task) }));
}

const oneShot: Section = {
  title: 'One transform a cell, evaluations without limit',
  text: `A policy learns from 500 steps of 512 trials (preset \`tabular\`) on the training cells and then transforms each held-out cell once, greedily, without an
evaluation. Evolution and random draws look up results of the very cells they are judged on.`,
  rows: [
    gainRow('one-shot/policy', 'NAT policy, edge encoder', async (task, seed, context) => ({
      codes: greedyCodes(await oneShotPolicy(seed, context), task.heldOut),
      lookUps: task.table.size,
    })),
    plainRow('one-shot/action-table', 'action table without context', (task) => task.table.size, (task, seed) => actionTableCodes(task, { ...FULL, seed })), // prettier-ignore
    plainRow('one-shot/evolution-50', 'regularized evolution, 50 look-ups a cell', (task) => 50 * task.heldOut.length, (task, seed) => evolvedCodes(task, { evaluations: 50, seed })), // prettier-ignore
    plainRow('one-shot/random-10', 'best of 10 random results a cell', (task) => 10 * task.heldOut.length, (task, seed) => uniformCodes(task, { draws: 10, seed })), // prettier-ignore
    plainRow('one-shot/random-1', 'a random result', () => 0, (task, seed) => uniformCodes(task, { draws: 1, seed })), // prettier-ignore
  ],
  columns: gainColumns('evaluations, at most'),
};

function gainColumns(lookUps: string): readonly Column[] {
  return [
    plainColumn(lookUps, 'lookUps', decimals(0)),
    meanColumn('gain', 'gain', percent(1)),
    meanColumn('sources above 90 % change by', 'changeAbove90', decimals(3)),
    plainColumn('dearer results', 'dearer', decimals(0)),
  ];
}

/** A policy that learns from the imagined rewards of a model of the given cells, and from nothing else. */
function imaginedRow(budget: number, name: string, title: string, choose: typeof evaluateRandom): ResultRow {
  return gainRow(`few-${budget}/${name}`, title, async (task, seed, context) => {
    const evaluated = choose({ task, evaluations: budget, seed });
    const rewardOf = predictorOf(fitRewardModel(evaluated));
    context.note(`learning a policy from a reward model of ${evaluated.size} cells`);
    const { checkpoint } = await searchTabular({ task, spec: searchSpec(seed, context, FROM_MODEL, 'self-critical'), steps: FROM_MODEL.steps, rewardOf });
    return { codes: greedyCodes(policyOf(checkpoint), task.heldOut), lookUps: evaluated.size };
  });
}

function poolRow(
  budget: number,
  name: string,
  title: string,
  choose: typeof evaluateRandom,
  use: (task: NasBench201Task, evaluated: Evaluated) => readonly number[],
): ResultRow {
  return plainRow(`few-${budget}/${name}`, title, () => budget, (task, seed) => use(task, choose({ task, evaluations: budget, seed }))); // prettier-ignore
}

function fewEvaluations(budget: number): Section {
  const model = (task: NasBench201Task, evaluated: Evaluated): readonly number[] => bestPredicted(task, task.heldOut, predictorOf(fitRewardModel(evaluated)));
  const ridge = (task: NasBench201Task, evaluated: Evaluated): readonly number[] =>
    bestPredicted(task, task.heldOut, predictorOf(fitRewardModel(evaluated, RIDGE)));
  const pool = (task: NasBench201Task, evaluated: Evaluated): readonly number[] => bestEvaluated(task, task.heldOut, evaluated);
  const trials = { steps: budget / 20, batch: 20 };
  return {
    title: `${budget.toLocaleString('en')} evaluations`,
    text: '',
    rows: [
      imaginedRow(budget, 'policy-random', 'NAT policy, reward model, random cells', evaluateRandom),
      imaginedRow(budget, 'policy-active', 'NAT policy, reward model, cells chosen actively', evaluateActively),
      gainRow(`few-${budget}/policy-plain`, 'NAT policy, plain REINFORCE', async (task, seed, context) => {
        // As many pairs as the others have cells: up to twice as many cells.
        const result = await searchTabular({ task, spec: searchSpec(seed, context, trials, 'moving-average'), steps: trials.steps });
        return { codes: greedyCodes(policyOf(result.checkpoint), task.heldOut), lookUps: result.distinct };
      }),
      poolRow(budget, 'model-random', 'reward model alone, random cells', evaluateRandom, model),
      poolRow(budget, 'model-active', 'reward model alone, cells chosen actively', evaluateActively, model),
      poolRow(budget, 'ridge', 'ridge regression alone, random cells', evaluateRandom, ridge),
      plainRow(`few-${budget}/action-table`, 'action table without context', () => budget, (task, seed) => actionTableCodes(task, { steps: budget / 40, batch: 20, seed })), // prettier-ignore
      poolRow(budget, 'pool-random', 'best of the evaluated cells, random', evaluateRandom, pool),
      poolRow(budget, 'pool-active', 'best of the evaluated cells, chosen actively', evaluateActively, pool),
      poolRow(budget, 'pool-evolution', 'best of the evaluated cells, regularized evolution', evaluateByEvolution, pool),
    ],
    columns: gainColumns('evaluations'),
  };
}

const DEVICES = ['2080ti_1', 'gold_6226', 'raspi4', 'pixel3', 'fpga', 'eyeriss'];
const CONSTRAINTS = [
  ...[0.25, 0.5, 0.75].map((fraction) => ({ column: 'flops', what: 'MACs', fraction })),
  ...DEVICES.flatMap((device) => [0.5, 0.75].map((fraction) => ({ column: `lat_ms_${device}`, what: `latency on ${device}`, fraction }))),
];

const constraints: Section = {
  title: 'Under a constraint',
  text: `Mean accuracy of the results that are within a share of their source's MACs or latency, over the held-out sources that have such a result. The policy is that
of the first section, the reward model that of ${FEW} actively chosen cells; both take their favourite among what is within the constraint. Latencies are columns
of the table; near-zero ones (below 1 % of their column's median, on raspi4 and pixel3) are dropped, as sources and as results.`,
  rows: CONSTRAINTS.map(({ column, what, fraction }) => ({
    name: `constraint/${column}-${100 * fraction}`,
    title: `${100 * fraction} % of ${what}`,
    seeds: SEEDS,
    compute: async (seed, context) => {
      const task = taskOf(context);
      const predict = predictorOf(fitRewardModel(evaluateActively({ task, evaluations: FEW, seed })));
      return { ...scoreUnderConstraint(task, { column, fraction }, await oneShotPolicy(seed, context), predict) };
    },
  })),
  columns: [
    plainColumn('feasible sources', 'feasible', percent(1)),
    plainColumn('source', 'source', decimals(2)),
    plainColumn('random', 'random', decimals(2)),
    meanColumn('policy', 'policy', decimals(2)),
    meanColumn('reward model', 'model', decimals(2)),
    plainColumn('best', 'best', decimals(2)),
  ],
};

/** Means of accuracies over cells, percent. */
const accuracy: Measure = absolute(0.3);

export const nasbench201: ResultTable = {
  name: 'nasbench201',
  title: 'NAS-Bench-201',
  text: `Sources are the 1,710 held-out cells (\`iso_class % 10 = 0\`); nothing learns from their transforms. gain = (mean of results - mean of sources) / (mean of the best
results that cost no more - mean of sources), of \`c10_valid_200\` averaged over each functional class (\`iso_class\`), because a single value carries the noise
of a single training. What learns sees the single values. Test accuracies are not used.

An evaluation is the look-up of one distinct cell, a source or a result. The reward model (rank regression with a Matern kernel on path features,
\`apps/research/src/reward-model\`) is fitted on the evaluated cells; the policy then learns from its predictions alone. Kernel, penalty, target and features, also
those of the ridge regression, were chosen on training cells alone (next table). Chosen actively: 40 % random training cells, then in four rounds what the
model of all before thinks the best results of random training cells; such a result may be a held-out cell, as a result of any method may.`,
  revision: 3,
  measures: {
    gain: absolute(0.01),
    changeAbove90: absolute(0.1),
    dearer: exact,
    lookUps: absolute(20),
    feasible: absolute(1e-9),
    source: absolute(1e-6),
    random: absolute(1e-6),
    best: absolute(1e-6),
    policy: accuracy,
    model: accuracy,
  },
  sections: [oneShot, ...BUDGETS.map(fewEvaluations), constraints],
  unavailable: unavailableWithout(taskOf),
};
