import type { architecture as architectureWire, transform as transformWire } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { createLogger, runUntilSignal } from '@nat/service';
import { architectureFromSpec, architectureToRef, fromDuration } from '@nat/convert';
import { Command } from 'commander';
import { type CommandContext, integer, table } from '@nat/console';
import { runEvaluation } from '@nat/console/session';
import { columnOf, loadNasBench201, rowOfCell } from '@nat/datasets';
import { describeTransform } from '../rendering/transform.ts';
import { connect, type Session } from '@nat/platform/session';
import { fromScratch } from './evaluate.ts';
import { DEFAULT_HTTP_PORT, DEFAULT_PORT } from './up.ts';

interface QuickstartFlags {
  readonly exit?: true;
  readonly steps: number;
}

/** Cells of NAS-Bench-201 that the bundled policy did not learn from, and makes smaller ones of. */
const SHOWN: readonly string[] = [
  '|skip_connect~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|nor_conv_3x3~0|avg_pool_3x3~1|none~2|',
  '|nor_conv_3x3~0|+|avg_pool_3x3~0|skip_connect~1|+|nor_conv_3x3~0|nor_conv_1x1~1|nor_conv_1x1~2|',
  '|nor_conv_1x1~0|+|nor_conv_3x3~0|none~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_1x1~2|',
  '|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|',
];
/** What the benchmark measured of each: accuracy on CIFAR-10's validation images after 200 epochs, percent. */
const ACCURACY = 'c10_valid_200';

/** The children that are trained: the last of them and its result, in networks small enough for a laptop. */
const CHILD = { channels: 8, layers: 1, batch: 64, trainImages: 20_000, validationImages: 2_000, seed: 0 };

export function quickstartCommand(context: CommandContext): Command {
  return new Command('quickstart')
    .description('Serve the platform, transform cells of NAS-Bench-201, train one of them and its result on real images, and keep serving.')
    .option('--exit', 'end after the tour instead of serving on')
    .option('--steps <n>', 'training steps of each child', integer(1, 100_000), 40)
    .action(async (flags: QuickstartFlags) => {
      const { environment, terminal } = context;
      const { startPlatform } = await import('@nat/platform');
      const logger = createLogger({ name: 'nat', level: environment.logLevel });
      const options = { home: environment.home, dataDirectory: environment.dataDirectory, logger, workers: 1 };
      const at = (port: number, httpPort: number) => ({ ...options, listen: { host: '127.0.0.1', port }, http: { host: '127.0.0.1', port: httpPort } });
      const platform = await startPlatform(at(DEFAULT_PORT, DEFAULT_HTTP_PORT)).catch((error: unknown) => {
        if (isDomainError(error) && error.reason === 'ADDRESS_IN_USE') return startPlatform(at(0, 0));
        throw error;
      });
      try {
        await using session = await connect(platform.address, { namespace: 'default' });
        const responses = await showTransforms(context, session);
        await trainPair(context, session, responses.at(-1)!, flags.steps);
        terminal.out('');
        terminal.out(`serving  gRPC ${platform.address}  metrics http://${platform.httpAddress ?? ''}/metrics  data ${environment.home}`);
        terminal.out(`try      nat arch list   |   nat transform resnet56 --policy nat --max-macs 80%   |   grpcurl -plaintext ${platform.address} list`);
      } catch (error) {
        await platform.close();
        throw error;
      }
      if (flags.exit === true) await platform.close();
      else {
        terminal.out('Ctrl-C ends it.');
        await runUntilSignal({ stop: () => platform.close() }, logger);
      }
    });
}

async function showTransforms({ terminal, environment }: CommandContext, session: Session): Promise<readonly transformWire.TransformArchitectureResponse[]> {
  const responses: transformWire.TransformArchitectureResponse[] = [];
  for (const cell of SHOWN) {
    responses.push(
      await session.clients.transforms.transformArchitecture({
        parent: session.parent,
        source: { ref: { $case: 'nasbench201', value: cell } },
        options: { greedy: true },
      }),
    );
  }
  terminal.out('');
  for (const line of describeTransform(responses[0]!, terminal)) terminal.out(line);
  const number = (value: number): string => value.toLocaleString('en');
  terminal.out('');
  const accuracy = benchmarkAccuracy(environment.dataDirectory);
  const known = (cell: string): string => accuracy?.(cell).toFixed(2) ?? '-';
  terminal.out(
    table(
      ['cell', 'params', 'after', 'MACs', 'after', 'accuracy', 'after', 'certificate'],
      responses.map(({ source, results }, index) => {
        const [before, after] = [source!.cost!, results[0]!.cost!];
        return [
          String(index + 1),
          number(before.params),
          number(after.params),
          number(before.macs),
          number(after.macs),
          known(source!.nasbench201),
          known(results[0]!.nasbench201),
          results[0]!.certificate!.holds ? 'holds' : 'does not hold',
        ];
      }),
      ['params', 'after', 'MACs', 'accuracy'],
    ),
  );
  terminal.out(
    accuracy === undefined
      ? 'What the benchmark measured of them is shown where NAT_DATA_DIR has nasbench201.csv.'
      : 'Accuracy: of CIFAR-10 in percent, trained for 200 epochs by NAS-Bench-201. The policy learned from none of these cells.',
  );
  return responses;
}

/** What the benchmark measured of a cell; undefined where its table is not there. */
function benchmarkAccuracy(dataDirectory: string | undefined): ((cell: string) => number) | undefined {
  try {
    const benchmark = loadNasBench201(dataDirectory);
    const accuracies = columnOf(benchmark, ACCURACY);
    return (cell) => accuracies[rowOfCell(benchmark, cell)]!;
  } catch (error) {
    if (isDomainError(error) && error.kind === 'FAILED_PRECONDITION') return undefined;
    throw error;
  }
}

/** Trains a source and its result with the same budget and seed, and says what came of it, whichever is better. */
async function trainPair(context: CommandContext, session: Session, response: transformWire.TransformArchitectureResponse, steps: number): Promise<void> {
  const { terminal } = context;
  const candidate = (id: string, spec: architectureWire.ArchitectureSpec | undefined) => ({
    id,
    architecture: architectureToRef(architectureFromSpec(spec!, 'spec')),
  });
  terminal.out('');
  terminal.out(`training cell ${SHOWN.length} and its result on MNIST from scratch: ${CHILD.channels} channels, ${steps} steps of ${CHILD.batch} images,`);
  terminal.out(`scored on ${CHILD.validationImages.toLocaleString('en')} held-out images`);
  const candidates = [candidate('source', response.source?.spec), candidate('result', response.results[0]?.spec)];
  const recipe = { dataset: 'mnist', epochs: 1, steps, threads: context.environment.threads, ...CHILD } as const;
  const reports = await runEvaluation(terminal, session, fromScratch(recipe, candidates, false));
  terminal.out(
    table(
      ['child', 'validation', 'params', 'MACs', 'seconds'],
      reports.map(({ validationAccuracy, cost, duration }, index) => [
        index === 0 ? `cell ${SHOWN.length}` : 'its result',
        `${(100 * validationAccuracy).toFixed(2)} %`,
        (cost?.params ?? 0).toLocaleString('en'),
        (cost?.macs ?? 0).toLocaleString('en'),
        (fromDuration(duration) / 1000).toFixed(1),
      ]),
      ['validation', 'params', 'MACs', 'seconds'],
    ),
  );
  terminal.out('One pair, one seed and a short budget: it shows that the pieces work, not that one network is better than the other.');
}
