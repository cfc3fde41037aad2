import type { evaluation as wire } from '@nat/contracts';
import { DATASET_CHOICES, type DatasetName } from '@nat/datasets';
import { DomainError } from '@nat/errors';
import { placementToWire } from '@nat/wire';
import { Command } from 'commander';
import { runEvaluation } from '../follow-evaluation.ts';
import { datasetName } from '../options.ts';
import { placementOptions, readPlacement, type PlacementFlags } from '../placement-flags.ts';
import type { CommandContext } from '../program.ts';
import { readRecipe, RECIPE_HELP, recipeOptions, type RecipeFlags } from '../recipe-flags.ts';
import { requireWritable, saveWeights } from '../save-weights.ts';
import { connectionOptions, openSession, type ConnectionFlags } from '../session.ts';
import { readSource } from '../source.ts';
import { subjectFromSource } from '../subject.ts';

interface EvaluateFlags extends ConnectionFlags, PlacementFlags, RecipeFlags {
  readonly json?: true;
  readonly save?: string;
  readonly dataset: DatasetName;
}

export function evaluateCommand(context: CommandContext): Command {
  const command = new Command('evaluate')
    .description('Train a network from scratch on real images and report its accuracy.')
    .argument('<source>', 'a name of the zoo, a file, or - for standard input')
    .option('--dataset <name>', `what it learns: ${DATASET_CHOICES}`, datasetName, 'mnist')
    .option('--save <file>', "write the trained weights (safetensors, PyTorch's names and layout)")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${RECIPE_HELP}

Examples:
  nat evaluate NAT_ResBlock --dataset cifar10 --epochs 1 --channels 16 --layers 6 --seed 1 --json
  nat evaluate resnet20 --steps 100
  nat evaluate DARTS --dataset cifar10 --recipe official --threads 2 --save darts.safetensors`,
    );
  for (const option of [...recipeOptions(), ...placementOptions(), ...connectionOptions()]) command.addOption(option);
  return command.action(async (argument: string, flags: EvaluateFlags) => {
    const { terminal } = context;
    const source = await readSource(argument, terminal);
    if (flags.save !== undefined) await requireWritable(flags.save);
    await using session = await openSession(context, flags);
    const subject = await subjectFromSource(session, source);
    const work = fromScratch(flags, [{ id: 'source', source: subject, result: undefined }], true);
    const [value] = await runEvaluation(terminal, session, { ...work, keepWeights: flags.save !== undefined });
    const report = value?.sourceReport;
    if (report === undefined) throw new DomainError('INTERNAL', 'the worker answered without a report', { reason: 'NO_REPORT' });
    if (flags.save !== undefined) await saveWeights(session, report.weights!, flags.save);
    const { validationAccuracy, testAccuracy, params, macs, seconds, imagesPerSecond, epochs, judgedEpoch } = report;
    if (flags.json === true) {
      const early = flags.patience === undefined ? {} : { epochs, judgedEpoch };
      terminal.out(JSON.stringify({ validationAccuracy, testAccuracy, params, macs, seconds, imagesPerSecond, ...early }));
      return;
    }
    const percent = (fraction: number | undefined): string => (fraction === undefined ? '-' : `${(100 * fraction).toFixed(2)} %`);
    terminal.out(`validation ${percent(validationAccuracy)}  test ${percent(testAccuracy)}  ${params} params  ${macs} MACs`);
    terminal.out(`${seconds.toFixed(1)} s, ${imagesPerSecond.toFixed(0)} images/s`);
    if (flags.patience !== undefined) terminal.out(`epoch ${judgedEpoch} of ${epochs} was best, and is what was scored`);
    if (flags.save !== undefined) terminal.out(`weights ${flags.save}`);
  });
}

/** What training children asks of the evaluator. */
export function fromScratch(
  flags: PlacementFlags & RecipeFlags & { readonly dataset: DatasetName },
  pairs: readonly wire.Pair[],
  reportTest: boolean,
): wire.FromScratchEvaluation {
  return {
    dataset: flags.dataset,
    placement: placementToWire(readPlacement(flags)),
    recipe: readRecipe(flags),
    pairs: [...pairs],
    reportTest,
  };
}
