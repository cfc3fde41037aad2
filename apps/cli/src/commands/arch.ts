import { writeFile } from 'node:fs/promises';
import { DomainError } from '@nat/base/errors';
import {
  lower,
  architectureCost,
  architectureIdentity,
  auxiliaryCost,
  diffArchitectures,
  drawTerminal,
  edgeCosts,
  formatArchitecture,
  listZoo,
  networkCost,
  officialSpace,
  operationLabel,
  supernetArchitecture,
  writeDot,
  writeGenotype,
  writeGraphDot,
  writeGraphSvg,
  writeJson,
  writeNasBench201,
  writeSvg,
  type Architecture,
} from '@nat/cells';
import type { architecture as wire } from '@nat/contracts';
import { Command, Option } from 'commander';
import {
  type CommandContext,
  type ConnectionFlags,
  connectionOptions,
  type PlacementFlags,
  placementOptions,
  readPlacement,
  readArchitectureArgument,
  table,
} from '@nat/console';
import { architectureToRef, FORMATS, type FormatName } from '@nat/convert';
import type { Session } from '@nat/platform/session';
import { describeDiff } from '../rendering/diff.ts';

const LEVELS = ['cell', 'graph'] as const;

interface ExportFlags extends PlacementFlags {
  readonly format: FormatName;
  readonly level: (typeof LEVELS)[number];
  readonly output?: string;
}

export function archCommand(context: CommandContext): Command {
  const command = new Command('arch').description('Architectures: the zoo, cost, differences, formats.');
  for (const child of [
    listCommand(context),
    showCommand(context),
    costCommand(context),
    diffCommand(context),
    importCommand(context),
    exportCommand(context),
    deleteCommand(context),
  ]) {
    command.addCommand(child);
  }
  return command;
}

/** As `openSession`: what talks to a platform is loaded where one is needed. */
async function open(context: CommandContext, flags: ConnectionFlags): Promise<Session> {
  const { openSession } = await import('@nat/console/session');
  return openSession(context, flags);
}

const SOURCE_HELP = 'a name of the zoo, a file, or - for standard input';

interface ListFlags extends ConnectionFlags {
  readonly json?: true;
  readonly stored?: true;
}

function listCommand(context: CommandContext): Command {
  const { terminal } = context;
  const command = new Command('list')
    .description('The zoo, or with --stored what was imported.')
    .option('--stored', 'those that the registry keeps, beside the zoo')
    .option('--json', 'print JSON, one architecture a line');
  for (const option of connectionOptions()) command.addOption(option);
  return command.action(async (flags: ListFlags) => {
    if (flags.stored === true) {
      await listStored(context, flags);
      return;
    }
    const entries = listZoo().map(({ name, kind, description, transformedFrom, cost }) => ({ name, kind, description, transformedFrom, cost }));
    if (flags.json === true) for (const entry of entries) terminal.out(JSON.stringify(entry));
    else
      terminal.out(
        table(
          ['name', 'params', 'MACs', 'what'],
          entries.map(({ name, cost, description }) => [name, cost.params.toLocaleString('en'), cost.macs.toLocaleString('en'), description]),
          ['params', 'MACs'],
        ),
      );
  });
}

/** Without the zoo, which the registry lists everywhere. */
async function listStored(context: CommandContext, flags: ListFlags): Promise<void> {
  await using session = await open(context, flags);
  const stored: wire.Architecture[] = [];
  for (let pageToken = ''; ;) {
    const page = await session.clients.architectures.listArchitectures({
      parent: session.parent,
      pageToken,
      pageSize: 1000,
      readMask: ['name', 'display_name', 'identity', 'cost', 'parent_architecture', 'labels'],
    });
    stored.push(...page.architectures.filter(({ labels }) => labels['origin'] !== 'zoo'));
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  if (flags.json === true) {
    for (const { name, displayName, identity, cost, parentArchitecture, labels } of stored)
      context.terminal.out(JSON.stringify({ name, displayName, identity, cost, parentArchitecture, labels }));
    return;
  }
  context.terminal.out(
    table(
      ['id', 'params', 'MACs', 'name', 'transformed from'],
      stored.map(({ name, displayName, cost, parentArchitecture }) => [
        lastPart(name),
        cost!.params.toLocaleString('en'),
        cost!.macs.toLocaleString('en'),
        displayName,
        lastPart(parentArchitecture),
      ]),
      ['params', 'MACs'],
    ),
  );
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function deleteCommand(context: CommandContext): Command {
  const command = new Command('delete')
    .description('Delete stored architectures. Their transforms stay; the zoo cannot be deleted.')
    .argument('<architecture...>', 'ids, or names namespaces/*/architectures/*');
  for (const option of connectionOptions()) command.addOption(option);
  return command.action(async (ids: readonly string[], flags: ConnectionFlags) => {
    await using session = await open(context, flags);
    for (const id of ids) {
      const name = id.startsWith('namespaces/') ? id : `${session.parent}/architectures/${id}`;
      await session.clients.architectures.deleteArchitecture({ name });
      context.terminal.out(`${name} is deleted`);
    }
  });
}

function showCommand({ terminal }: CommandContext): Command {
  return new Command('show')
    .description('Draw an architecture.')
    .argument('<source>', SOURCE_HELP)
    .option('--json', 'print the JSON form')
    .action(async (source: string, flags: { json?: true }) => {
      const architecture = await readArchitectureArgument(source, terminal);
      if (flags.json === true) {
        terminal.out(
          JSON.stringify({
            ...textOf(architecture),
            identity: architectureIdentity(architecture),
            architecture: JSON.parse(writeJson(architecture)) as unknown,
          }),
        );
        return;
      }
      terminal.out(drawTerminal(architecture, { color: terminal.color }));
      const { params, macs, peakActivationBytes } = architectureCost(architecture);
      terminal.out(
        `\n${params.toLocaleString('en')} parameters, ${macs.toLocaleString('en')} MACs, ${peakActivationBytes.toLocaleString('en')} bytes of activations at the peak`,
      );
      terminal.out(`identity ${architectureIdentity(architecture)}`);
    });
}

function textOf(architecture: Architecture): { name: string; genotype: string } {
  return { name: architecture.name ?? '', genotype: architecture.skeleton.kind === 'repeated' ? formatArchitecture(architecture).text : '' };
}

interface CostFlags extends PlacementFlags {
  readonly json?: true;
  readonly edges?: true;
}

function costCommand({ terminal }: CommandContext): Command {
  const command = new Command('cost')
    .description('Parameters, multiply-accumulates of one image, and peak activation memory.')
    .argument('<source>', SOURCE_HELP)
    .option('--edges', 'of each edge too, summed over the places where its cell stands')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  nat arch cost DARTS --channels 36 --layers 20 --json\n  nat arch cost ENAS --network imagenet\n  nat arch cost - < genotype.txt',
    );
  for (const option of placementOptions()) command.addOption(option);
  return command.action(async (source: string, flags: CostFlags) => {
    const architecture = await readArchitectureArgument(source, terminal);
    const placement = readPlacement(flags);
    const network = lower(architecture, placement);
    const cost = networkCost(network);
    const auxiliary = auxiliaryCost(architecture, placement);
    const edges = flags.edges === true ? describeEdges(architecture, edgeCosts(architecture, placement)) : undefined;
    if (flags.json === true) {
      terminal.out(
        JSON.stringify({
          ...cost,
          ...(auxiliary === undefined ? {} : { paramsWithAuxiliary: cost.params + auxiliary.params }),
          ...(flags.network === 'supernet' ? { supernetParams: supernetParams(architecture, flags) } : {}),
          ...(edges === undefined ? {} : { edges }),
        }),
      );
      return;
    }
    terminal.out(
      `params  ${cost.params.toLocaleString('en')}\nMACs    ${cost.macs.toLocaleString('en')}\npeak    ${cost.peakActivationBytes.toLocaleString('en')} bytes`,
    );
    if (edges !== undefined) {
      terminal.out(
        table(
          ['cell', 'edge', 'operation', 'params', 'MACs'],
          edges.map(({ cell, index, operation, params, macs }) => [cell, String(index), operation, params.toLocaleString('en'), macs.toLocaleString('en')]),
          ['edge', 'params', 'MACs'],
        ),
      );
    }
  });
}

function describeEdges(architecture: Architecture, costs: ReturnType<typeof edgeCosts>) {
  return architecture.cells.flatMap((cell, cellIndex) =>
    cell.edges.map((edge, index) => {
      const { params, macs } = costs[cellIndex]![index]!;
      return { cell: cell.name, index, from: edge.from, to: edge.to, operation: operationLabel(edge.operation), params, macs };
    }),
  );
}

/** All parameters of the supernets that hold this cell: every operation of either official list on every edge. */
function supernetParams(architecture: Architecture, flags: PlacementFlags): Record<string, number> {
  const steps = (architecture.cells[0]?.nodes ?? 0) - 2;
  const operationType = steps === 5 ? 'LOOSE_END_PRIMITIVES' : 'FULLY_CONCAT_PRIMITIVES';
  return Object.fromEntries(
    (['NAT', 'NATv2'] as const).map((repository) => [
      repository,
      architectureCost(supernetArchitecture(officialSpace(repository, operationType)), { ...readPlacement(flags), network: 'supernet' }).params,
    ]),
  );
}

function diffCommand({ terminal }: CommandContext): Command {
  const command = new Command('diff')
    .description('What differs between two architectures, and what it costs.')
    .argument('<before>', SOURCE_HELP)
    .argument('<after>', SOURCE_HELP)
    .option('--json', 'print JSON');
  for (const option of placementOptions()) command.addOption(option);
  return command.action(async (before: string, after: string, flags: CostFlags) => {
    const [first, second] = [await readArchitectureArgument(before, terminal), await readArchitectureArgument(after, terminal)];
    const placement = readPlacement(flags);
    const difference = diffArchitectures(first, second);
    const cost = { before: architectureCost(first, placement), after: architectureCost(second, placement) };
    if (flags.json === true) {
      terminal.out(JSON.stringify({ ...difference, cost }));
      return;
    }
    terminal.out(describeDiff(difference));
    terminal.out(`params  ${cost.before.params.toLocaleString('en')} -> ${cost.after.params.toLocaleString('en')}`);
    terminal.out(`MACs    ${cost.before.macs.toLocaleString('en')} -> ${cost.after.macs.toLocaleString('en')}`);
  });
}

function importCommand(context: CommandContext): Command {
  const command = new Command('import')
    .description('Store an architecture in the registry.')
    .argument('<source>', SOURCE_HELP)
    .option('--id <id>', 'its id; chosen by the registry when left out')
    .option('--name <text>', 'a display name')
    .option('--json', 'print JSON');
  for (const option of connectionOptions()) command.addOption(option);
  return command.action(async (source: string, flags: ConnectionFlags & { id?: string; name?: string; json?: true }) => {
    const architecture = await readArchitectureArgument(source, context.terminal);
    await using session = await open(context, flags);
    const stored = await session.clients.architectures.createArchitecture({
      parent: session.parent,
      source: architectureToRef(architecture),
      architectureId: flags.id ?? '',
      displayName: flags.name ?? '',
      requestId: crypto.randomUUID(),
    });
    context.terminal.out(flags.json === true ? JSON.stringify({ name: stored.name, identity: stored.identity, cost: stored.cost }) : stored.name);
  });
}

function exportCommand({ terminal }: CommandContext): Command {
  const command = new Command('export')
    .description('Write an architecture as text.')
    .argument('<source>', SOURCE_HELP)
    .addOption(new Option('--format <format>', 'genotype and nasbench201 where the architecture is one').choices(FORMATS).default('json'))
    .addOption(new Option('--level <level>', 'what dot and svg draw: its cells, or the network that they are placed into').choices(LEVELS).default('cell'))
    .option('--output <file>', 'a file instead of standard output')
    .addHelpText('after', '\nExamples:\n  nat arch export DARTS --format dot\n  nat arch export resnet20 --format svg --level graph --output resnet20.svg');
  for (const option of placementOptions()) command.addOption(option);
  return command.action(async (source: string, flags: ExportFlags) => {
    const architecture = await readArchitectureArgument(source, terminal);
    const text = flags.level === 'graph' ? writeNetwork(architecture, flags) : WRITERS[flags.format](architecture);
    if (flags.output === undefined) terminal.out(text);
    else await writeFile(flags.output, `${text}\n`);
  });
}

/** The network drawn, a box a module. */
function writeNetwork(architecture: Architecture, { format, ...flags }: ExportFlags): string {
  const { name } = architecture;
  const { graph } = lower(architecture, readPlacement(flags));
  const title = name === undefined ? {} : { title: name };
  if (format === 'dot') return writeGraphDot(graph, title);
  if (format === 'svg') return writeGraphSvg(graph, title);
  throw DomainError.invalid('--level', `the network is drawn as dot or svg, not written as ${format}`);
}

const WRITERS: Readonly<Record<FormatName, (architecture: Architecture) => string>> = {
  genotype: writeGenotype,
  json: writeJson,
  nasbench201: writeNasBench201,
  dot: writeDot,
  svg: writeSvg,
};
