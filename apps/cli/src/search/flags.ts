/** The options of `nat search` that say what it does: a file, the few fields that most searches name, and `--set` for every other. */
import { readFile } from 'node:fs/promises';
import { DATASET_CHOICES, type DatasetName } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { datasetName, integer, type Terminal } from '@nat/console';
import { isSpaceName, PRESET_NAMES, SPACE_NAMES, type PresetName, type RewardKind } from '@nat/nat';
import { Option } from 'commander';
import { SpecDocument } from './spec-document.ts';

export interface SearchSpecFlags {
  readonly file?: string;
  readonly set?: readonly string[];
  readonly space?: string;
  readonly evaluator?: RewardKind;
  readonly reward?: string;
  readonly dataset?: DatasetName;
  readonly preset?: PresetName;
  readonly steps?: number;
  readonly batch?: number;
  readonly seed?: number;
  readonly roundsInFlight?: number;
}

const REWARD_FIELDS = { tabular: 'tabular', 'shared-weights': 'sharedWeights', 'from-scratch': 'fromScratch' } as const;
const PRESETS: Readonly<Record<PresetName, string>> = { nat: 'PRESET_NAT', 'nat++': 'PRESET_NAT_PLUS_PLUS', small: 'PRESET_SMALL', tabular: 'PRESET_TABULAR' };

/** Every option that says what a search does. */
export function searchSpecOptions(): readonly Option[] {
  const count = (flag: string, description: string, max: number): Option => new Option(flag, description).argParser(integer(1, max));
  return [
    new Option('-f, --file <path>', 'a search as YAML or JSON (nat.search.v1.SearchSpec), - for standard input; options replace what it says'),
    new Option('--set <field=value>', 'set any field of it, such as reward.sharedWeights.epochs=20; may be repeated').argParser(
      (assignment: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), assignment],
    ),
    new Option('--space <name>', `where networks come from: ${SPACE_NAMES.join(', ')}, or a name of the zoo`),
    new Option('--evaluator <kind>', 'where rewards come from').choices(Object.keys(REWARD_FIELDS)),
    new Option('--reward <column>', 'tabular: the column of the table that is the reward'),
    new Option('--dataset <name>', `what networks learn where rewards come from training: ${DATASET_CHOICES}`).argParser(datasetName),
    new Option('--preset <name>', "where defaults come from: the official code's (nat, nat++), small (shared weights in minutes), tabular").choices([
      ...PRESET_NAMES,
    ]),
    count('--steps <n>', 'policy steps in all', 1_000_000),
    count('--batch <n>', 'trials a policy step', 65_536),
    new Option('--seed <n>', 'same seed, same policy, to the bit').argParser(integer(0)),
    count('--rounds-in-flight <n>', 'evaluate several rounds at the same time and learn from whichever is done first; not repeatable to the bit', 64),
  ];
}

/** The search that flags ask for. @throws DomainError INVALID_ARGUMENT with every field that does not fit; NOT_FOUND FILE_NOT_FOUND */
export async function searchSpecOf(flags: SearchSpecFlags, terminal: Terminal): Promise<SpecDocument> {
  const document = new SpecDocument();
  if (flags.file !== undefined) document.read(await contentOf(flags.file, terminal), flags.file === '-' ? 'standard input' : flags.file);
  const { space, evaluator, reward, dataset, preset } = flags;
  if (space !== undefined) {
    if (isSpaceName(space)) document.set('sources.space', `SPACE_${space.toUpperCase()}`, '--space');
    else document.set('sources.zoo', space, '--space');
  }
  if (evaluator !== undefined && document.get(`reward.${REWARD_FIELDS[evaluator]}`) === undefined) {
    document.set(`reward.${REWARD_FIELDS[evaluator]}`, {}, '--evaluator');
  }
  if (reward !== undefined) document.set('reward.tabular.column', reward, '--reward');
  if (dataset !== undefined) {
    const kind = (['sharedWeights', 'fromScratch'] as const).find((field) => document.get(`reward.${field}`) !== undefined);
    if (kind === undefined) throw DomainError.invalid('--dataset', 'needs --evaluator shared-weights or from-scratch', 'MISSING_OPTION');
    document.set(`reward.${kind}.dataset`, dataset, '--dataset');
  }
  if (preset !== undefined) document.set('preset', PRESETS[preset], '--preset');
  if (flags.steps !== undefined) document.set('learner.steps', flags.steps, '--steps');
  if (flags.batch !== undefined) document.set('learner.batch', flags.batch, '--batch');
  if (flags.seed !== undefined) document.set('seed', flags.seed, '--seed');
  if (flags.roundsInFlight !== undefined) document.set('pipelining.roundsInFlight', flags.roundsInFlight, '--rounds-in-flight');
  for (const assignment of flags.set ?? []) document.assign(assignment);
  document.require('sources', '--space', 'is required, unless --resume is given or a file says sources');
  document.require('reward', '--evaluator', 'is required, unless --resume is given or a file says reward');
  return document;
}

async function contentOf(file: string, terminal: Terminal): Promise<string> {
  if (file === '-') return terminal.readAll();
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new DomainError('NOT_FOUND', `there is no file ${file}`, { reason: 'FILE_NOT_FOUND' });
  }
}
