import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadDataset, loadNasBench201 } from '@nat/datasets';
import { DomainError, isDomainError } from '@nat/errors';
import { Argument, Command } from 'commander';
import * as tar from 'tar';
import { download } from '../download.ts';
import { startProgress } from '../progress.ts';
import type { CommandContext } from '../program.ts';
import { table } from '../table.ts';

const NAMES = ['mnist', 'cifar10', 'nasbench201'] as const;
type DataName = (typeof NAMES)[number];

/** The official archive and its published checksum. */
const CIFAR10 = { url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz', md5: 'c32a1d4ab5d03f1284b67883e8d87530' };

const WHAT: Readonly<Record<DataName, string>> = {
  mnist: 'MNIST, 70,000 digits; comes with the platform',
  cifar10: 'CIFAR-10, 60,000 images; $NAT_DATA_DIR/cifar-10-batches-bin',
  nasbench201: 'NAS-Bench-201, 15,625 trained cells; $NAT_DATA_DIR/nasbench201.csv',
};

interface DataState {
  readonly name: DataName;
  readonly available: boolean;
  readonly detail: string;
}

export function dataCommand(context: CommandContext): Command {
  const command = new Command('data').description('Data sets: what is there, fetching, checking.');

  const list = new Command('list').description('What is there.').option('--json', 'print JSON, one data set a line');
  list.action((flags: { json?: true }) =>
    print(
      context,
      NAMES.map((name) => inspect(name, context)),
      flags,
    ),
  );

  const verify = new Command('verify').description('Read everything and check it; ends with 1 when something is missing or wrong.');
  verify.addArgument(new Argument('[name]').choices(NAMES)).option('--json', 'print JSON, one data set a line');
  verify.action((name: DataName | undefined, flags: { json?: true }) => {
    const states = (name === undefined ? NAMES : [name]).map((each) => inspect(each, context));
    print(context, states, flags);
    const bad = states.filter(({ available }) => !available);
    if (bad.length > 0)
      throw new DomainError('FAILED_PRECONDITION', `not there or not right: ${bad.map((state) => state.name).join(', ')}`, { reason: 'DATA_NOT_VERIFIED' });
  });

  const fetchCommand = new Command('fetch').description('Download a data set from its official source into NAT_DATA_DIR.');
  fetchCommand.addArgument(new Argument('<name>').choices(NAMES)).option('--url <url>', 'a mirror of the same archive; the checksum stays the official one');
  fetchCommand.action(async (name: DataName, flags: { url?: string }) => {
    switch (name) {
      case 'mnist':
        context.terminal.out(WHAT.mnist);
        return;
      case 'nasbench201':
        throw new DomainError('UNIMPLEMENTED', 'NAS-Bench-201 is not published as a table that could be fetched', {
          reason: 'NO_OFFICIAL_TABLE',
          metadata: { hint: 'Export it from NATS-Bench into $NAT_DATA_DIR/nasbench201.csv; libs/datasets/README.md names the columns.' },
        });
      case 'cifar10':
        await fetchCifar10(context, flags.url ?? CIFAR10.url);
    }
  });

  for (const child of [list, verify, fetchCommand]) command.addCommand(child);
  return command;
}

async function fetchCifar10(context: CommandContext, url: string): Promise<void> {
  const directory = context.environment.dataDirectory;
  if (directory === undefined) throw DomainError.invalid('NAT_DATA_DIR', 'set it to the folder that should hold the data', 'DATA_DIRECTORY_UNSET');
  if (inspect('cifar10', context).available) {
    context.terminal.out(`${join(directory, 'cifar-10-batches-bin')} is there and right`);
    return;
  }
  await mkdir(directory, { recursive: true });
  const file = join(directory, 'cifar-10-binary.tar.gz');
  const interrupt = new AbortController();
  const stop = (): void => interrupt.abort();
  process.once('SIGINT', stop);
  const progress = startProgress(context.terminal, 'cifar10 MB', 170);
  try {
    await download({ url, file, md5: CIFAR10.md5, signal: interrupt.signal, onProgress: (bytes) => progress.update(Math.round(bytes / 1e6)) });
  } finally {
    progress.stop();
    process.removeListener('SIGINT', stop);
  }
  await tar.extract({ file, cwd: directory });
  await rm(file);
  loadDataset('cifar10', directory);
  context.terminal.out(`${join(directory, 'cifar-10-batches-bin')}: 60,000 images, checked`);
}

function inspect(name: DataName, { environment }: CommandContext): DataState {
  try {
    if (name === 'nasbench201') return { name, available: true, detail: `${loadNasBench201(environment.dataDirectory).size} cells` };
    const { train, test } = loadDataset(name, environment.dataDirectory);
    return { name, available: true, detail: `${train.count} training and ${test.count} test images` };
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return { name, available: false, detail: error.message };
  }
}

function print(context: CommandContext, states: readonly DataState[], flags: { json?: true }): void {
  if (flags.json === true) for (const state of states) context.terminal.out(JSON.stringify(state));
  else
    context.terminal.out(
      table(
        ['data set', 'there', 'what', 'state'],
        states.map(({ name, available, detail }) => [name, available ? 'yes' : 'no', WHAT[name], detail]),
      ),
    );
}
