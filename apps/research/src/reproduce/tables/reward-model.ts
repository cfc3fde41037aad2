/** How the reward model of the NAS-Bench-201 table was chosen. */
import { InnerValidation } from '../../nasbench201/inner-validation.ts';
import type { NasBench201Task } from '../../nasbench201/held-out-gain.ts';
import type { RewardModelOptions } from '../../reward-model/reward-model.ts';
import { absolute, meanColumn, percent, type ResultRow, type ResultTable, type Values, unavailableWithout } from '../result-table.ts';
import { taskOf } from './nasbench201-task.ts';

const SEEDS = [0, 1, 2, 3, 4];
const EVALUATIONS = 500;
const LAMBDAS = [0.00001, 0.0001, 0.001, 0.01, 0.1];
const KERNELS = [
  { name: 'linear', title: 'linear', kernel: 'linear' },
  ...[0.3, 1, 3, 10].map(
    (lengthScale) => ({ name: `matern32-${lengthScale}`, title: `Matern 3/2, length ${lengthScale}`, kernel: 'matern32', lengthScale }) as const,
  ),
] as const;

/** A setting of the grid, and where its gain stands in the table. */
interface Setting {
  readonly row: string;
  readonly measure: string;
  readonly options: RewardModelOptions;
}

const GRID = (['paths', 'paths-and-edges'] as const).flatMap((features) =>
  (['value', 'normal-scores'] as const).flatMap((target) =>
    KERNELS.map(({ name, title, ...kernel }) => ({
      row: `${features}/${target}/${name}`,
      title: `${features}, ${target}, ${title}`,
      settings: LAMBDAS.map((lambda) => ({ measure: `lambda-${lambda}`, options: { features, target, ...kernel, lambda } })),
    })),
  ),
);

/** All settings that were compared. */
export const REWARD_MODEL_SETTINGS: readonly Setting[] = GRID.flatMap(({ row, settings }) => settings.map((setting) => ({ row, ...setting })));

let made: { readonly task: NasBench201Task; readonly validation: InnerValidation } | undefined;

/** Kept, because every row needs it. */
function validationOf(task: NasBench201Task): InnerValidation {
  if (made?.task !== task) made = { task, validation: new InnerValidation(task) };
  return made.validation;
}

export const rewardModel: ResultTable = {
  name: 'reward-model',
  title: 'Choice of the reward model',
  text: `Settings of the reward model and of the ridge regression that the NAS-Bench-201 table uses, compared on its training cells alone: a model of ${EVALUATIONS} random
training cells transforms the 1,349 training cells with \`iso_class % 10 = 1\`, none of which it was fitted on; gains are counted as in that table. No held-out
cell is a source, an evaluation or a result. Used are the settings of the highest mean gain, of all (\`REWARD_MODEL\`) and of the linear ones (\`RIDGE\`); of equals,
the strongest penalty.`,
  revision: 1,
  measures: Object.fromEntries(LAMBDAS.map((lambda) => [`lambda-${lambda}`, absolute(0.01)])),
  sections: [
    {
      title: 'Gain by features, target, kernel and penalty',
      text: '',
      rows: GRID.map(({ row, title, settings }): ResultRow => ({
        name: row,
        title,
        seeds: SEEDS,
        compute: (seed, context): Promise<Values> => {
          const validation = validationOf(taskOf(context));
          return Promise.resolve(
            Object.fromEntries(settings.map(({ measure, options }) => [measure, validation.gainOf(options, { evaluations: EVALUATIONS, seed })])),
          );
        },
      })),
      columns: LAMBDAS.map((lambda) => meanColumn(`lambda ${lambda}`, `lambda-${lambda}`, percent(1))),
    },
  ],
  unavailable: unavailableWithout(taskOf),
};
