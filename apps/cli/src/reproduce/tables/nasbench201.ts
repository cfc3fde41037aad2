/** What a policy gains on NAS-Bench-201, of which every cell has been trained. */
import { isDomainError } from '@nat/errors';
import { loadNasBench201 } from '@nat/datasets';
import { CompiledPolicy, EDGE_POLICY, parseCheckpoint } from '@nat/policy';
import { greedyCodes, NasBench201Task, searchHyperparameters, searchTabular, type SessionSpec } from '@nat/search';
import { absolute, decimals, exact, meanColumn, percent, plainColumn, type ResultTable, type RowContext, type Values } from '../result-table.ts';

const SEEDS = [0, 1, 2];
const STEPS = 500;
const BATCH = 512;

let loaded: { readonly directory: string | undefined; readonly task: NasBench201Task } | undefined;

/** The task of a data directory; kept, because every row needs it. */
function taskOf({ dataDirectory }: Pick<RowContext, 'dataDirectory'>): NasBench201Task {
  if (loaded?.directory !== dataDirectory || loaded === undefined)
    loaded = { directory: dataDirectory, task: new NasBench201Task(loadNasBench201(dataDirectory)) };
  return loaded.task;
}

function searchSpec(seed: number, threads: number): SessionSpec {
  return {
    space: 'nasbench201',
    scheme: 'nat',
    mode: 'cost-masked',
    placement: {},
    config: EDGE_POLICY,
    seed,
    batch: BATCH,
    hyperparameters: searchHyperparameters({ preset: 'tabular', steps: STEPS, baseline: 'self-critical' }),
    threads,
  };
}

/** The policy of one seed: the same as `nat search --space nasbench201 --steps 500 --batch 512 --seed N` learns. */
async function oneShot(seed: number, context: RowContext): Promise<Values> {
  const task = taskOf(context);
  const checkpoint = await context.artifact(`one-shot-${seed}.safetensors`, async () => {
    const onStep = (step: number): void => {
      if (step % 100 === 0) context.note(`step ${step} of ${STEPS}`);
    };
    return (await searchTabular({ task, spec: searchSpec(seed, context.threads), steps: STEPS, onStep })).checkpoint;
  });
  return { ...task.gainOf(greedyCodes(new CompiledPolicy(parseCheckpoint(checkpoint)), task.heldOut)) };
}

export const nasbench201: ResultTable = {
  name: 'nasbench201',
  title: 'NAS-Bench-201',
  text: '',
  revision: 1,
  measures: { gain: absolute(0.01), changeAbove90: absolute(0.1), dearer: exact },
  sections: [
    {
      title: 'One transform a cell',
      text: '',
      rows: [{ name: 'one-shot/policy', title: 'policy', seeds: SEEDS, compute: oneShot }],
      columns: [
        meanColumn('gain', 'gain', percent(1)),
        meanColumn('sources above 90 % change by', 'changeAbove90', decimals(3)),
        plainColumn('dearer results', 'dearer', decimals(0)),
      ],
    },
  ],
  unavailable: ({ dataDirectory }) => {
    try {
      taskOf({ dataDirectory });
      return undefined;
    } catch (error) {
      if (isDomainError(error)) return error;
      throw error;
    }
  },
};
