import { join } from 'node:path';
import { DATASET_NAMES, findBrokenImages, findDatasets, isDatasetName, loadDataset, loadNasBench201, parseImageFolder, type DatasetName } from '@nat/datasets';
import { DomainError, isDomainError } from '@nat/base/errors';
import { onInterrupt } from '@nat/service';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { fetchArchive, type Archive } from '../files/fetch-archive.ts';
import { type CommandContext, table } from '@nat/console';
import { startProgress } from '@nat/console/session';

const NAMES = [...DATASET_NAMES, 'nasbench201'] as const;
type DataName = DatasetName | 'nasbench201';

/** The official archives, their published checksums, and the folder that each has in it. */
const ARCHIVES = {
  cifar10: {
    url: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
    file: 'cifar-10-binary.tar.gz',
    md5: 'c32a1d4ab5d03f1284b67883e8d87530',
    megabytes: 170,
    folder: 'cifar-10-batches-bin',
  },
  cifar100: {
    url: 'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
    file: 'cifar-100-binary.tar.gz',
    md5: '03b5dce01913d631647c71ecec9e9cb8',
    megabytes: 169,
    folder: 'cifar-100-binary',
  },
} as const satisfies Readonly<Record<string, Archive & { readonly folder: string; readonly megabytes: number }>>;
type FetchedName = keyof typeof ARCHIVES;

const WHAT: Readonly<Record<(typeof NAMES)[number], string>> = {
  mnist: 'MNIST, 70,000 digits; comes with the platform',
  cifar10: 'CIFAR-10, 60,000 images; $NAT_DATA_DIR/cifar-10-batches-bin',
  cifar100: 'CIFAR-100, 60,000 images; $NAT_DATA_DIR/cifar-100-binary',
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
      everything(context).map((name) => inspect(name, context)),
      flags,
    ),
  );

  const verify = new Command('verify').description('Read everything and check it; ends with 1 when something is missing or wrong.');
  verify.argument('[name]', [...NAMES, 'imagefolder:NAME'].join(', '), dataName).option('--json', 'print JSON, one data set a line');
  verify.action(async (name: DataName | undefined, flags: { json?: true }) => {
    const states: DataState[] = [];
    for (const each of name === undefined ? everything(context) : [name]) states.push(await check(each, context));
    print(context, states, flags);
    const bad = states.filter(({ available }) => !available);
    if (bad.length > 0)
      throw new DomainError('FAILED_PRECONDITION', `not there or not right: ${bad.map((state) => state.name).join(', ')}`, { reason: 'DATA_NOT_VERIFIED' });
  });

  const fetchCommand = new Command('fetch').description('Download a data set from its official source into NAT_DATA_DIR.');
  fetchCommand.addArgument(new Argument('<name>').choices(NAMES)).option('--url <url>', 'a mirror of the same archive; the checksum stays the official one');
  fetchCommand.action(async (name: (typeof NAMES)[number], flags: { url?: string }) => {
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
      case 'cifar100':
        await fetchDataset(context, name, flags.url);
    }
  });

  for (const child of [list, verify, fetchCommand]) command.addCommand(child);
  return command;
}

async function fetchDataset(context: CommandContext, name: FetchedName, mirror: string | undefined): Promise<void> {
  const { folder, megabytes, ...archive } = ARCHIVES[name];
  const directory = context.environment.dataDirectory;
  if (directory === undefined) throw DomainError.invalid('NAT_DATA_DIR', 'set it to the folder that should hold the data', 'DATA_DIRECTORY_UNSET');
  if (inspect(name, context).available) {
    context.terminal.out(`${join(directory, folder)} is there and right`);
    return;
  }
  const interrupt = new AbortController();
  using _interrupt = onInterrupt(() => interrupt.abort());
  const progress = startProgress(context.terminal, `${name} MB`, megabytes);
  try {
    await fetchArchive(
      { ...archive, url: mirror ?? archive.url },
      { directory, signal: interrupt.signal, onProgress: (bytes) => progress.update(Math.round(bytes / 1e6)) },
    );
  } finally {
    progress.stop();
  }
  const { train, test } = loadDataset(name, directory);
  context.terminal.out(`${join(directory, folder)}: ${(train.count + test.count).toLocaleString('en')} images, checked`);
}

function inspect(name: DataName, { environment }: CommandContext): DataState {
  try {
    if (name === 'nasbench201') return { name, available: true, detail: `${loadNasBench201(environment.dataDirectory).size} cells` };
    const { train, test, classes } = loadDataset(name, environment.dataDirectory);
    return { name, available: true, detail: `${train.count} training and ${test.count} test images of ${classes} classes` };
  } catch (error) {
    if (!isDomainError(error)) throw error;
    return { name, available: false, detail: error.message };
  }
}

/** As `inspect`, and every image of a folder is decoded. */
async function check(name: DataName, context: CommandContext): Promise<DataState> {
  const state = inspect(name, context);
  if (!state.available || name === 'nasbench201' || !isImageFolder(name)) return state;
  const dataset = loadDataset(name, context.environment.dataDirectory);
  const progress = startProgress(context.terminal, name, dataset.train.count + dataset.test.count);
  try {
    const broken = await findBrokenImages(dataset, (done) => progress.update(done));
    return broken.length === 0 ? { ...state, detail: `${state.detail}, all decoded` } : { name, available: false, detail: broken.join('\n') };
  } finally {
    progress.stop();
  }
}

/** Every data set that has a name of its own, and the image folders of the data directory. */
function everything({ environment }: CommandContext): readonly DataName[] {
  return [...NAMES, ...findDatasets(environment.dataDirectory).filter(isImageFolder)];
}

function isImageFolder(name: string): boolean {
  return parseImageFolder(name) !== undefined;
}

function dataName(text: string): DataName {
  if (text === 'nasbench201' || isDatasetName(text)) return text;
  throw new InvalidArgumentError(`Give one of ${[...NAMES, 'imagefolder:NAME'].join(', ')}.`);
}

function print(context: CommandContext, states: readonly DataState[], flags: { json?: true }): void {
  if (flags.json === true) for (const state of states) context.terminal.out(JSON.stringify(state));
  else
    context.terminal.out(
      table(
        ['data set', 'there', 'what', 'state'],
        states.map(({ name, available, detail }) => [
          name,
          available ? 'yes' : 'no',
          (WHAT as Readonly<Record<string, string>>)[name] ?? 'a folder tree of images',
          detail,
        ]),
      ),
    );
}
