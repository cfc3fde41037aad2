import { architectureCost, zooArchitecture } from '@nat/cells';
import type { architecture as architectureWire, transform as transformWire } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import { createLogger, runUntilSignal } from '@nat/service';
import { architectureFromSpec, architectureToRef, fromDuration } from '@nat/convert';
import { Command } from 'commander';
import { type CommandContext, integer, runEvaluation, table } from '@nat/console';
import { describeTransform } from '../rendering/transform.ts';
import { connect, type Session } from '@nat/platform/session';
import { fromScratch } from './evaluate.ts';
import { DEFAULT_HTTP_PORT, DEFAULT_PORT } from './up.ts';

interface QuickstartFlags {
  readonly exit?: true;
  readonly steps: number;
}

/** The networks whose transforms are shown; the whole networks under a budget, as a share of their own MACs. */
const SHOWN: readonly { readonly name: string; readonly macsShare?: number }[] = [
  { name: 'vgg16', macsShare: 0.8 },
  { name: 'resnet20', macsShare: 0.8 },
  { name: 'DARTS' },
  { name: 'ENAS' },
];

/** The children that are trained: a published cell in a network small enough for a laptop. */
const CHILD = { name: 'DARTS', channels: 8, layers: 4, batch: 64, trainImages: 20_000, validationImages: 2_000 };

export function quickstartCommand(context: CommandContext): Command {
  return new Command('quickstart')
    .description('Serve the platform, transform published networks, train one pair of children on real images, and keep serving.')
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
        await trainPair(context, session, responses.get(CHILD.name)!, flags.steps);
        terminal.out('');
        terminal.out(`serving  gRPC ${platform.address}  metrics http://${platform.httpAddress ?? ''}/metrics  data ${environment.home}`);
        terminal.out(`try      nat transform resnet56   |   nat arch list   |   grpcurl -plaintext ${platform.address} list`);
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

async function showTransforms({ terminal }: CommandContext, session: Session): Promise<ReadonlyMap<string, transformWire.TransformArchitectureResponse>> {
  const responses = new Map<string, transformWire.TransformArchitectureResponse>();
  for (const { name, macsShare } of SHOWN) {
    const response = await session.clients.transforms.transformArchitecture({
      parent: session.parent,
      source: { ref: { $case: 'zoo', value: name }, displayName: name },
      options: {
        greedy: true,
        ...(macsShare === undefined ? {} : { bounds: { maxMacs: Math.floor(macsShare * architectureCost(zooArchitecture(name)).macs) } }),
      },
    });
    responses.set(name, response);
    terminal.out('');
    if (macsShare !== undefined) terminal.out(`with at most ${100 * macsShare} % of its MACs:`);
    for (const line of describeTransform(response, terminal)) terminal.out(line);
  }
  terminal.out('');
  terminal.out(
    table(
      ['network', 'params', 'after', 'MACs', 'after', 'certificate'],
      [...responses].map(([name, { source, results }]) => {
        const before = source!.cost!;
        const after = results[0]!.cost!;
        const number = (value: number): string => value.toLocaleString('en');
        return [
          name,
          number(before.params),
          number(after.params),
          number(before.macs),
          number(after.macs),
          results[0]!.certificate!.holds ? 'holds' : 'does not hold',
        ];
      }),
      ['params', 'after', 'MACs'],
    ),
  );
  return responses;
}

/** Trains the source and its result with the same budget and seed, and says what came of it, whichever is better. */
async function trainPair(context: CommandContext, session: Session, response: transformWire.TransformArchitectureResponse, steps: number): Promise<void> {
  const { terminal } = context;
  const candidate = (id: string, spec: architectureWire.ArchitectureSpec | undefined) => ({
    id,
    architecture: architectureToRef(architectureFromSpec(spec!, 'spec')),
  });
  terminal.out('');
  terminal.out(
    `training ${CHILD.name} and its result on MNIST from scratch: C=${CHILD.channels}, ${CHILD.layers} cells, ${steps} steps of ${CHILD.batch} images each, scored on ${CHILD.validationImages.toLocaleString('en')} held-out images`,
  );
  const reports = await runEvaluation(
    terminal,
    session,
    fromScratch(
      {
        dataset: 'mnist',
        epochs: 1,
        steps,
        batch: CHILD.batch,
        seed: 0,
        threads: context.environment.threads,
        channels: CHILD.channels,
        layers: CHILD.layers,
        trainImages: CHILD.trainImages,
        validationImages: CHILD.validationImages,
      },
      [candidate('source', response.source?.spec), candidate('result', response.results[0]?.spec)],
      false,
    ),
  );
  const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`;
  terminal.out(
    table(
      ['child', 'validation', 'params', 'MACs', 'seconds'],
      reports.map((report, index) => [
        index === 0 ? CHILD.name : `${CHILD.name} transformed`,
        percent(report.validationAccuracy),
        (report.cost?.params ?? 0).toLocaleString('en'),
        (report.cost?.macs ?? 0).toLocaleString('en'),
        (fromDuration(report.duration) / 1000).toFixed(1),
      ]),
      ['validation', 'params', 'MACs', 'seconds'],
    ),
  );
  terminal.out('One pair with one seed and a short budget: it shows that the pieces work, not that one network is better than the other.');
}
