import type { architecture as architectureWire, evaluation as wire } from '@nat/contracts';
import { DATASET_CHOICES, type DatasetName } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { PRESET_EPOCHS } from '@nat/training';
import { planRungs, survivors, type Rung } from '@nat/nat';
import { placementToWire } from '@nat/convert';
import { Command } from 'commander';
import {
  type CommandContext,
  type ConnectionFlags,
  connectionOptions,
  datasetName,
  evaluationId,
  integer,
  type PlacementFlags,
  placementOptions,
  readPlacement,
  readRef,
  table,
} from '@nat/console';
import { failureText, openSession, type RecipeFlags, recipeOptions, runEvaluations, resolveForEvaluation } from '@nat/console/session';
import { requireWritable, saveWeights } from '../files/save-weights.ts';
import type { Session } from '@nat/platform/session';
import { fromScratch } from './evaluate.ts';

interface SelectFlags extends ConnectionFlags, PlacementFlags, RecipeFlags {
  readonly json?: true;
  readonly dataset: DatasetName;
  readonly rungs?: number;
  readonly reduction: number;
  readonly workers: number;
  readonly save?: string;
  readonly id?: string;
}

interface Candidate {
  readonly name: string;
  readonly architecture: architectureWire.ArchitectureRef;
}

/** A candidate after a rung. */
interface Placed {
  readonly candidate: Candidate;
  readonly report?: wire.TrainingReport;
  /** Why there is no report. */
  readonly errorMessage: string;
}

/** Epochs of the short recipe, when there are rungs. */
const SHORT_EPOCHS = 9;
/** What a schedule of epochs has no place for. */
const LEFT_OUT: readonly string[] = ['steps', 'patience'];

export function selectCommand(context: CommandContext): Command {
  const command = new Command('select')
    .description('Train candidates from scratch by successive halving: all of them for a little, the best to the end. Chosen on held-out images only.')
    .argument('<candidate...>', 'names of the zoo and files')
    .option('--dataset <name>', `what they learn: ${DATASET_CHOICES}`, datasetName, 'mnist')
    .option('--rungs <n>', 'how often they are compared; as often as their number and the epochs allow when left out', integer(1, 30))
    .option('--reduction <n>', 'from rung to rung so many times fewer train for so many times more epochs', integer(2, 100), 3)
    .option('--save <file>', "write the winner's weights (safetensors, PyTorch's names and layout)")
    .option('--id <id>', 'a name for the selection: after an interruption the same command goes on with it', evaluationId)
    .option('--workers <n>', 'worker processes of the embedded platform', integer(1, 64), 1)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
--epochs is the length of a whole training: ${SHORT_EPOCHS} when left out, ${PRESET_EPOCHS.official} with --recipe official. Each rung goes on where the one before it
stopped, on that training's learning rates, so the winner is what it would be if it had been trained alone. Test images are scored once, for the winner.

Examples:
  nat select DARTS NAT_DARTS ENAS NAT_ENAS --channels 8 --layers 4 --epochs 4 --reduction 2
  nat select candidates/*.json --dataset cifar10 --recipe official --workers 4 --id cells --save winner.safetensors`,
    );
  for (const option of recipeOptions()) if (!LEFT_OUT.includes(option.attributeName())) command.addOption(option);
  for (const option of [...placementOptions(), ...connectionOptions()]) command.addOption(option);
  return command.action(async (names: readonly string[], flags: SelectFlags) => {
    const epochs = flags.epochs ?? (flags.recipe === undefined || flags.recipe === 'short' ? SHORT_EPOCHS : PRESET_EPOCHS[flags.recipe]);
    const plan = planRungs({ candidates: names.length, epochs, reduction: flags.reduction, ...(flags.rungs === undefined ? {} : { rungs: flags.rungs }) });
    if (flags.save !== undefined) await requireWritable(flags.save);
    const sources = [];
    for (const name of names) sources.push(await readRef(name, context.terminal));
    await using session = await openSession(context, flags, flags.workers);
    const candidates: Candidate[] = [];
    for (const [i, source] of sources.entries()) {
      // One that is no architecture, or fits no such network, is refused before any is trained.
      await session.clients.architectures.computeCost({ source, placement: placementToWire(readPlacement(flags)) });
      candidates.push({ name: names[i]!, architecture: await resolveForEvaluation(session, source) });
    }
    const ladder = await climb(context, session, { flags: { ...flags, epochs }, candidates, plan });
    report(context, flags, ladder);
    if (flags.save !== undefined) await saveWeights(session, ladder.winner.report.weights!, flags.save);
  });
}

interface Ladder {
  readonly rungs: readonly { readonly epochs: number; readonly placed: readonly Placed[]; readonly kept: readonly Candidate[] }[];
  readonly winner: { readonly candidate: Candidate; readonly report: wire.TrainingReport };
}

async function climb(
  context: CommandContext,
  session: Session,
  { flags, candidates, plan }: { readonly flags: SelectFlags; readonly candidates: readonly Candidate[]; readonly plan: readonly Rung[] },
): Promise<Ladder> {
  const train = async (
    contenders: readonly Placed[],
    { epochs, rung }: { readonly epochs: number; readonly rung: number | 'winner' },
  ): Promise<readonly Placed[]> => {
    const final = rung === 'winner';
    const trainings = contenders.map(({ candidate, report: before }) => {
      const work = fromScratch(flags, [{ id: candidate.name, architecture: candidate.architecture }], final);
      const recipe = { ...work.recipe!, stopAfterEpochs: epochs };
      const id = flags.id === undefined ? undefined : `${flags.id}.${rung}.${candidates.indexOf(candidate)}`;
      return { id, work: { ...work, recipe, keepCheckpoints: !final, keepWeights: final && flags.save !== undefined }, resumeFrom: before?.checkpoint };
    });
    const values = await runEvaluations(context.terminal, session, trainings);
    return contenders.map(({ candidate }, i) => {
      const result = values[i]?.[0];
      return result?.report === undefined ? { candidate, errorMessage: failureText(result) } : { candidate, report: result.report, errorMessage: '' };
    });
  };

  const rungs: Ladder['rungs'][number][] = [];
  let contenders: readonly Placed[] = candidates.map((candidate) => ({ candidate, errorMessage: '' }));
  for (const [i, { epochs }] of plan.entries()) {
    const placed = await train(contenders, { epochs, rung: i });
    const judgements = placed.map(({ report }) => report && { accuracy: report.validationAccuracy, cost: report.cost!.macs });
    contenders = survivors(judgements, plan[i + 1]?.candidates ?? 1).map((position) => placed[position]!);
    rungs.push({ epochs, placed, kept: contenders.map(({ candidate }) => candidate) });
    const failed = placed.find(({ errorMessage }) => errorMessage !== '');
    if (contenders.length === 0)
      throw new DomainError('FAILED_PRECONDITION', `no candidate could be trained: ${failed?.errorMessage ?? ''}`, { reason: 'NO_CANDIDATE' });
  }
  // There is nothing left to train: this scores the test images, once, when nothing is selected any more.
  const [winner] = await train(contenders, { epochs: plan.at(-1)!.epochs, rung: 'winner' });
  if (winner?.report === undefined) throw new DomainError('INTERNAL', winner?.errorMessage ?? 'no winner', { reason: 'NO_REPORT' });
  return { rungs, winner: { candidate: winner.candidate, report: winner.report } };
}

function report({ terminal }: CommandContext, { json, save }: SelectFlags, { rungs, winner }: Ladder): void {
  const { validationAccuracy, testAccuracy } = winner.report;
  const { params, macs } = winner.report.cost!;
  if (json === true) {
    const shown = rungs.map(({ epochs, placed, kept }) => ({
      epochs,
      candidates: placed.map(({ candidate, report: of, errorMessage }) => ({
        candidate: candidate.name,
        ...(of === undefined ? { error: errorMessage } : { validationAccuracy: of.validationAccuracy, params: of.cost!.params, macs: of.cost!.macs }),
        kept: kept.includes(candidate),
      })),
    }));
    terminal.out(JSON.stringify({ rungs: shown, winner: { candidate: winner.candidate.name, validationAccuracy, testAccuracy, params, macs } }));
    return;
  }
  const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`;
  const rows = rungs.flatMap(({ epochs, placed, kept }, rung) =>
    placed.map(({ candidate, report: of, errorMessage }) => [
      String(rung + 1),
      String(epochs),
      candidate.name,
      of === undefined ? errorMessage : percent(of.validationAccuracy),
      of?.cost?.macs.toLocaleString('en') ?? '',
      kept.includes(candidate) ? 'goes on' : '',
    ]),
  );
  const last = rows.find((row) => row[0] === String(rungs.length) && row[5] !== '');
  if (last !== undefined) last[5] = 'wins';
  terminal.out(table(['rung', 'epochs', 'candidate', 'validation', 'MACs', ''], rows, ['rung', 'epochs', 'validation', 'MACs']));
  terminal.out(
    `winner ${winner.candidate.name}  validation ${percent(validationAccuracy)}  test ${percent(testAccuracy ?? 0)}  ${params} params  ${macs} MACs`,
  );
  if (save !== undefined) terminal.out(`weights ${save}`);
}
