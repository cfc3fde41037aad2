import { setTimeout as sleep } from 'node:timers/promises';
import type { evaluation as wire } from '@nat/contracts';
import { DATASET_CHOICES, type DatasetName } from '@nat/datasets';
import { DomainError } from '@nat/errors';
import { placementToWire } from '@nat/wire';
import { Command } from 'commander';
import { datasetName, integer, number } from '../options.ts';
import { placementOptions, readPlacement, type PlacementFlags } from '../placement-flags.ts';
import { startProgress } from '../progress.ts';
import type { CommandContext } from '../program.ts';
import { connectionOptions, openSession, type ConnectionFlags, type Session } from '../session.ts';
import { readSource } from '../source.ts';
import { subjectFromSource } from '../subject.ts';

interface EvaluateFlags extends ConnectionFlags, PlacementFlags {
  readonly json?: true;
  readonly dataset: DatasetName;
  readonly epochs: number;
  readonly steps?: number;
  readonly trainImages?: number;
  readonly validationImages?: number;
  readonly batch: number;
  readonly learningRate?: number;
  readonly seed: number;
  readonly threads?: number;
}

/** How often a running evaluation is asked for, milliseconds. */
const POLL_MS = 250;

export function evaluateCommand(context: CommandContext): Command {
  const command = new Command('evaluate')
    .description('Train a network from scratch on real images and report its accuracy.')
    .argument('<source>', 'a name of the zoo, a file, or - for standard input')
    .option('--dataset <name>', `what it learns: ${DATASET_CHOICES}`, datasetName, 'mnist')
    .option('--epochs <n>', 'passes over the training images', integer(1, 10_000), 1)
    .option('--steps <n>', 'at most this many steps', integer(1))
    .option('--train-images <n>', 'use only this many training images', integer(1))
    .option('--validation-images <n>', 'score only this many held-out images', integer(1))
    .option('--batch <n>', 'images a step', integer(1, 4096), 64)
    .option('--learning-rate <x>', 'at the first step; a cosine schedule follows', number(0, 10))
    .option('--seed <n>', 'of weights, batches and augmentation', integer(0), 0)
    .option('--threads <n>', 'TensorFlow threads; the same count repeats the same bits', integer(1, 256))
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  nat evaluate NAT_ResBlock --dataset cifar10 --epochs 1 --channels 16 --layers 6 --seed 1 --json\n  nat evaluate resnet20 --steps 100',
    );
  for (const option of [...placementOptions(), ...connectionOptions()]) command.addOption(option);
  return command.action(async (argument: string, flags: EvaluateFlags) => {
    const source = await readSource(argument, context.terminal);
    await using session = await openSession(context, flags);
    const subject = await subjectFromSource(session, source);
    const values = await runEvaluation(context, session, fromScratch(flags, [{ id: 'source', source: subject, result: undefined }], true), flags.epochs);
    const report = values[0]?.sourceReport;
    if (report === undefined) throw new DomainError('INTERNAL', 'the worker answered without a report', { reason: 'NO_REPORT' });
    const { validationAccuracy, testAccuracy, params, macs, seconds, imagesPerSecond } = report;
    if (flags.json === true) context.terminal.out(JSON.stringify({ validationAccuracy, testAccuracy, params, macs, seconds, imagesPerSecond }));
    else {
      const percent = (fraction: number | undefined): string => (fraction === undefined ? '-' : `${(100 * fraction).toFixed(2)} %`);
      context.terminal.out(`validation ${percent(validationAccuracy)}  test ${percent(testAccuracy)}  ${params} params  ${macs} MACs`);
      context.terminal.out(`${seconds.toFixed(1)} s, ${imagesPerSecond.toFixed(0)} images/s`);
    }
  });
}

export function fromScratch(flags: EvaluateFlags, pairs: readonly wire.Pair[], reportTest: boolean): wire.FromScratchEvaluation {
  return {
    dataset: flags.dataset,
    placement: placementToWire(readPlacement(flags)),
    recipe: {
      epochs: flags.epochs,
      maxSteps: flags.steps ?? 0,
      maxTime: undefined,
      batch: flags.batch,
      learningRate: flags.learningRate ?? 0,
      momentum: 0,
      weightDecay: 0,
      seed: flags.seed,
      threads: flags.threads ?? 0,
      trainImages: flags.trainImages ?? 0,
      validationImages: flags.validationImages ?? 0,
    },
    pairs: [...pairs],
    reportTest,
  };
}

/** Submits one from-scratch evaluation and waits for its end; interrupting cancels it. @throws DomainError with the worker's reason */
export async function runEvaluation(
  context: CommandContext,
  session: Session,
  fromScratchSpec: wire.FromScratchEvaluation,
  epochs: number,
): Promise<readonly wire.PairValue[]> {
  const { evaluations } = session.clients;
  const submitted = await evaluations.submitEvaluations(
    {
      parent: session.parent,
      evaluations: [
        {
          evaluationId: `cli-${crypto.randomUUID()}`,
          spec: {
            kind: { $case: 'fromScratch', value: fromScratchSpec },
            capabilities: [`dataset:${fromScratchSpec.dataset}`],
            maxAttempts: 2,
          },
        },
      ],
    },
    { retry: true },
  );
  const name = submitted.names[0]!;
  const progress = startProgress(context.terminal, 'training', epochs * 100);
  const cancel = (): void => void evaluations.cancelEvaluation({ name, reason: 'interrupted' }).catch(() => undefined);
  process.once('SIGINT', cancel);
  try {
    for (;;) {
      const current = await evaluations.getEvaluation({ name });
      const result = current.outcome?.result;
      if (result?.$case === 'succeeded') {
        const failed = result.value.values.find(({ errorMessage }) => errorMessage !== '');
        if (failed !== undefined) throw new DomainError('FAILED_PRECONDITION', failed.errorMessage, { reason: 'PAIR_FAILED' });
        return result.value.values;
      }
      if (result?.$case === 'failed') throw new DomainError('FAILED_PRECONDITION', result.value.message, { reason: result.value.reason });
      if (result?.$case === 'cancelled') throw new DomainError('CANCELLED', 'the evaluation was cancelled', { reason: 'EVALUATION_CANCELLED' });
      const { observations } = await evaluations.listObservations({ parent: name, pageSize: 1000 });
      const latest = observations.findLast(({ metric }) => metric === 'progress');
      if (latest !== undefined) progress.update(Math.round(latest.value * epochs * 100));
      await sleep(POLL_MS);
    }
  } finally {
    process.removeListener('SIGINT', cancel);
    progress.stop();
  }
}
