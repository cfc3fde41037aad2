import { evaluation as wire } from '@nat/contracts';
import { DATASET_CHOICES, type DatasetName } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { fromDuration, placementToWire } from '@nat/convert';
import { Command } from 'commander';
import {
  type CommandContext,
  type ConnectionFlags,
  connectionOptions,
  datasetName,
  evaluationId,
  type PlacementFlags,
  placementOptions,
  readPlacement,
  readRef,
} from '@nat/console';
import { openSession, readRecipe, RECIPE_HELP, type RecipeFlags, recipeOptions, runEvaluation, resolveForEvaluation } from '@nat/console/session';
import { requireWritable, saveWeights } from '../files/save-weights.ts';
import type { Session } from '@nat/platform/session';
import { uploadWeights } from '../files/upload-weights.ts';

interface EvaluateFlags extends ConnectionFlags, PlacementFlags, RecipeFlags {
  readonly json?: true;
  readonly save?: string;
  readonly id?: string;
  readonly inheritFrom?: string;
  readonly inheritSource?: string;
  readonly dataset: DatasetName;
}

export function evaluateCommand(context: CommandContext): Command {
  const command = new Command('evaluate')
    .description('Train a network on real images, from scratch or from the weights of its source, and report its accuracy.')
    .argument('<source>', 'a name of the zoo, a file, or - for standard input')
    .option('--dataset <name>', `what it learns: ${DATASET_CHOICES}`, datasetName, 'mnist')
    .option('--save <file>', "write the trained weights (safetensors, PyTorch's names and layout)")
    .option('--inherit-from <file>', 'start from these weights (safetensors) where operations survived')
    .option('--inherit-source <source>', 'the network that they are of')
    .option('--id <id>', 'a name for the evaluation: after an interruption the same command goes on with it', evaluationId)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${RECIPE_HELP}

Examples:
  nat evaluate NAT_ResBlock --dataset cifar10 --epochs 1 --channels 16 --layers 6 --seed 1 --json
  nat evaluate resnet20 --steps 100
  nat evaluate DARTS --dataset cifar10 --recipe official --threads 2 --id darts --save darts.safetensors
  nat evaluate NAT_DARTS --dataset cifar10 --recipe fine-tune --inherit-from darts.safetensors --inherit-source DARTS`,
    );
  for (const option of [...recipeOptions(), ...placementOptions(), ...connectionOptions()]) command.addOption(option);
  return command.action(async (argument: string, flags: EvaluateFlags) => {
    const { terminal } = context;
    requireBoth(flags);
    const source = await readRef(argument, terminal);
    if (flags.save !== undefined) await requireWritable(flags.save);
    await using session = await openSession(context, flags);
    const subject = await resolveForEvaluation(session, source);
    const work = fromScratch(flags, [{ id: 'source', architecture: subject }], true);
    const inherit = await inheritanceOf(context, session, flags);
    const [report] = await runEvaluation(terminal, session, { ...work, keepWeights: flags.save !== undefined, inherit }, flags.id);
    if (report === undefined) throw new DomainError('INTERNAL', 'the worker answered without a report', { reason: 'NO_REPORT' });
    if (flags.save !== undefined) await saveWeights(session, report.weights!, flags.save);
    const { validationAccuracy, testAccuracy, imagesPerSecond, epochs, judgedEpoch } = report;
    const { params, macs } = report.cost!;
    const seconds = fromDuration(report.duration) / 1000;
    const { params: inheritedParams, validationAccuracy: initialValidationAccuracy } = report.inherited ?? {};
    if (flags.json === true) {
      const early = flags.patience === undefined ? {} : { epochs, judgedEpoch };
      const inherited = inherit === undefined ? {} : { inheritedParams, initialValidationAccuracy };
      terminal.out(JSON.stringify({ validationAccuracy, testAccuracy, params, macs, seconds, imagesPerSecond, ...early, ...inherited }));
      return;
    }
    const percent = (fraction: number | undefined): string => (fraction === undefined ? '-' : `${(100 * fraction).toFixed(2)} %`);
    terminal.out(`validation ${percent(validationAccuracy)}  test ${percent(testAccuracy)}  ${params} params  ${macs} MACs`);
    terminal.out(`${seconds.toFixed(1)} s, ${imagesPerSecond.toFixed(0)} images/s`);
    if (inherit !== undefined) terminal.out(`${inheritedParams} params inherited, validation ${percent(initialValidationAccuracy)} before training`);
    if (flags.patience !== undefined) terminal.out(`epoch ${judgedEpoch} of ${epochs} was best, and is what was scored`);
    if (flags.save !== undefined) terminal.out(`weights ${flags.save}`);
  });
}

/** @throws DomainError INVALID_ARGUMENT for weights of an unnamed network, or a network without its weights */
function requireBoth({ inheritFrom, inheritSource }: EvaluateFlags): void {
  if ((inheritFrom === undefined) === (inheritSource === undefined)) return;
  const missing = inheritFrom === undefined ? '--inherit-from' : '--inherit-source';
  throw DomainError.invalid(missing, 'weights and the network that they are of belong together', 'MISSING_OPTION');
}

async function inheritanceOf(
  { terminal }: CommandContext,
  session: Session,
  { inheritFrom, inheritSource }: EvaluateFlags,
): Promise<wire.Inheritance | undefined> {
  if (inheritFrom === undefined || inheritSource === undefined) return undefined;
  const source = await resolveForEvaluation(session, await readRef(inheritSource, terminal));
  return { weights: await uploadWeights(session, inheritFrom), source };
}

/** What training children asks of the evaluator. */
export function fromScratch(
  flags: PlacementFlags & RecipeFlags & { readonly dataset: DatasetName },
  candidates: readonly wire.Candidate[],
  reportTest: boolean,
): wire.FromScratchEvaluation {
  return wire.FromScratchEvaluation.create({
    dataset: flags.dataset,
    placement: placementToWire(readPlacement(flags)),
    recipe: readRecipe(flags),
    candidates: [...candidates],
    reportTest,
  });
}
