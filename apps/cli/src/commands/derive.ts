import { rpc, search as wire, type longrunning } from '@nat/contracts';
import { DATASET_CHOICES, type DatasetName } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { kindOfStatus } from '@nat/service';
import { placementToWire } from '@nat/convert';
import { Command, Option } from 'commander';
import {
  type CommandContext,
  type ConnectionFlags,
  connectionOptions,
  datasetName,
  integer,
  number,
  type PlacementFlags,
  placementOptions,
  readPlacement,
  readRef,
} from '@nat/console';
import { openSession, searchName, startProgress } from '@nat/console/session';
import { describeTransform } from '../rendering/transform.ts';
import type { Session } from '@nat/platform/session';

interface DeriveFlags extends ConnectionFlags, PlacementFlags {
  readonly json?: true;
  readonly evaluator: 'tabular' | 'shared-weights' | 'from-scratch';
  readonly search?: string;
  readonly policy?: string;
  readonly samples: number;
  readonly seed: number;
  readonly reward?: string;
  readonly dataset?: DatasetName;
  readonly childEpochs?: number;
  readonly maxParams?: number;
  readonly maxMacs?: number;
  readonly workers: number;
}

/** How long one call waits, seconds. */
const WAIT_SECONDS = 5;

export function deriveCommand(context: CommandContext): Command {
  const command = new Command('derive')
    .description('Draw several transforms of a network, evaluate them on images that nothing was learned from, and take the best that costs no more.')
    .argument('<source>', 'a name of the zoo (nat arch list), a file, or - for standard input: a genotype, JSON, or a NAS-Bench-201 string')
    .addOption(new Option('--evaluator <kind>', 'what tells which is best').choices(['tabular', 'shared-weights', 'from-scratch']).default('shared-weights'))
    .option('--search <id>', 'shared-weights: the search whose weights, images set aside and policy are taken')
    .option('--policy <id>', "the policy that draws; the search's own, else the bundled one, when left out")
    .option('--samples <n>', 'transforms drawn', integer(1, 1024), 10)
    .option('--seed <n>', 'of the sampling', integer(0), 0)
    .option('--reward <column>', 'tabular: the column of the table')
    .option('--dataset <name>', `from-scratch: what children learn: ${DATASET_CHOICES}`, datasetName)
    .option('--child-epochs <n>', 'from-scratch: epochs a child', integer(1, 10_000))
    .option('--max-params <n>', 'at most this many parameters', integer(0))
    .option('--max-macs <n>', 'at most this many multiply-accumulates', number(0, Number.MAX_SAFE_INTEGER))
    .option('--workers <n>', 'worker processes of the embedded platform', integer(1, 64), 1)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  nat derive ResBlock --search 3f1c...\n  nat derive DARTS --evaluator from-scratch --samples 4 --channels 8 --layers 4',
    );
  for (const option of [...placementOptions(), ...connectionOptions()]) command.addOption(option);
  return command.action(async (argument: string, flags: DeriveFlags) => {
    const source = await readRef(argument, context.terminal);
    await using session = await openSession(context, flags, flags.workers);
    const { maxParams, maxMacs } = flags;
    const operation = await session.clients.searches.deriveArchitecture({
      parent: session.parent,
      source,
      evaluator: evaluatorOf(flags, session),
      policy: flags.policy ?? '',
      samples: flags.samples,
      seed: flags.seed,
      placement: placementToWire(readPlacement(flags)),
      bounds: { maxParams, maxMacs },
      requestId: crypto.randomUUID(),
    });
    const result = await finished(context, session, operation, flags.samples + 1);
    if (flags.json === true) context.terminal.out(JSON.stringify(resultToJson(result)));
    else for (const line of describe(result, context)) context.terminal.out(line);
  });
}

/** @throws DomainError INVALID_ARGUMENT MISSING_OPTION for shared weights of no search */
function evaluatorOf({ evaluator, search, reward, dataset, childEpochs }: DeriveFlags, session: Session): wire.DeriveArchitectureRequest['evaluator'] {
  switch (evaluator) {
    case 'tabular':
      return { $case: 'tabular', value: { column: reward } };
    case 'from-scratch':
      return { $case: 'fromScratch', value: { dataset, epochs: childEpochs } };
    case 'shared-weights':
      if (search === undefined) throw DomainError.invalid('--search', 'is required with --evaluator shared-weights', 'MISSING_OPTION');
      return { $case: 'sharedWeights', value: { search: searchName(session, search) } };
  }
}

/** Waits until the operation is done. @throws DomainError why it failed */
async function finished({ terminal }: CommandContext, session: Session, operation: longrunning.Operation, total: number): Promise<wire.DeriveResult> {
  let current = operation;
  const progress = startProgress(terminal, 'derive', total);
  try {
    while (!current.done) {
      current = await session.clients.operations.waitOperation({ name: operation.name, timeout: { seconds: WAIT_SECONDS, nanos: 0 } });
      const { evaluated, candidates } = wire.DeriveMetadata.decode(current.metadata?.value ?? new Uint8Array());
      progress.update(evaluated, `of ${candidates} candidates and their source`);
    }
  } finally {
    progress.stop();
  }
  if (current.result?.$case === 'response') return wire.DeriveResult.decode(current.result.value.value);
  const { code, message } = current.result?.value ?? rpc.Status.create({ message: 'the operation ended without a result' });
  throw new DomainError(kindOfStatus(code), message, { reason: 'DERIVE_FAILED' });
}

function resultToJson(result: wire.DeriveResult): unknown {
  const { source, result: best, sourceValue, resultValue, sourceTestValue, resultTestValue, policyVersion } = result;
  return {
    policy: policyVersion,
    source: { name: source?.displayName, genotype: source?.genotype, nasbench201: source?.nasbench201, cost: source?.cost },
    result: { genotype: best?.genotype, nasbench201: best?.nasbench201, cost: best?.cost, logProb: best?.logProb, certificate: best?.certificate },
    selection: { source: sourceValue, result: resultValue },
    ...(resultTestValue === undefined ? {} : { test: { source: sourceTestValue, result: resultTestValue } }),
  };
}

function describe({ source, result, policyVersion, policySpace, learnedHere, ...values }: wire.DeriveResult, { terminal }: CommandContext): readonly string[] {
  const { sourceValue, resultValue, sourceTestValue, resultTestValue } = values;
  const shown = (value: number): string => value.toFixed(4);
  return [
    ...describeTransform({ source, results: result === undefined ? [] : [result], policyVersion, policySpace, learnedHere }, terminal),
    '',
    `selection: source ${shown(sourceValue)}, result ${shown(resultValue)} (the best candidate: what it was chosen by)`,
    ...(sourceTestValue === undefined || resultTestValue === undefined
      ? []
      : [`test images: source ${shown(sourceTestValue)}, result ${shown(resultTestValue)} (read once, after the choice)`]),
  ];
}
