import { search as wire } from '@nat/contracts';
import { DomainError, isDomainError } from '@nat/base/errors';
import { Command, Option } from 'commander';
import { type CommandContext, type ConnectionFlags, connectionOptions, integer } from '@nat/console';
import { followSearch, openSession, searchName } from '@nat/console/session';
import { searchSpecOf, searchSpecOptions, type SearchSpecFlags } from '../search/flags.ts';
import { describeSearch, searchToJson } from '../search/report.ts';
import { formatSpec, type SpecDocument } from '../search/spec-document.ts';
import type { Session } from '@nat/platform/session';

interface SearchFlags extends ConnectionFlags, SearchSpecFlags {
  readonly json?: true;
  readonly resume?: string;
  readonly workers: number;
  readonly id?: string;
  readonly printSpec?: 'given' | 'effective';
}

export function searchCommand(context: CommandContext): Command {
  const command = new Command('search')
    .description('Learn a policy: sample networks, transform them, evaluate both, and reinforce what helped.')
    .option('--resume <id>', 'go on with a search that was interrupted or paused; every other option comes from it')
    .option('--workers <n>', 'worker processes of the embedded platform', integer(1, 64), 1)
    .option('--id <id>', 'the name of the search; chosen when left out')
    .option('--json', 'print JSON: first {"searchId"}, last the result')
    .addOption(
      new Option('--print-spec [which]', 'print the search as a file for -f instead of running it: as given, or effective, with every default filled in')
        .choices(['given', 'effective'])
        .preset('given'),
    )
    .addHelpText(
      'after',
      `
Examples:
  nat search --space nasbench201 --evaluator tabular --reward c10_valid_200 --steps 500 --batch 512 --seed 0
  nat search --space nasbench201 --evaluator tabular --steps 500 --batch 512 --rounds-in-flight 8
  nat search --space resblock --evaluator shared-weights --dataset cifar10 --preset small --workers 3
  nat search --space darts --evaluator shared-weights --dataset cifar10 --preset nat++ --print-spec effective > search.yaml
  nat search -f search.yaml --set learner.steps=500 --set reward.sharedWeights.weightTraining.shards=4
  nat search --resume 3f1c...
  nat search delete 3f1c...`,
    );
  for (const option of [...searchSpecOptions(), ...connectionOptions()]) command.addOption(option);
  command.addCommand(deleteCommand(context));
  return command.action(async (flags: SearchFlags) => {
    const document = flags.resume === undefined ? await searchSpecOf(flags, context.terminal) : undefined;
    const spec = document?.toMessage();
    if (flags.printSpec === 'given' && spec !== undefined) {
      context.terminal.out(formatSpec(spec).trimEnd());
      return;
    }
    await using session = await openSession(context, flags, flags.workers);
    if (document !== undefined && spec !== undefined && flags.printSpec === 'effective') {
      const { effectiveSpec } = await createSearch(session, document, { spec, validateOnly: true });
      context.terminal.out(formatSpec(effectiveSpec!).trimEnd());
      return;
    }
    const search =
      document === undefined || spec === undefined
        ? await resume(session, flags.resume!)
        : await createSearch(session, document, { spec, searchId: flags.id ?? '' });
    if (flags.json === true) context.terminal.out(JSON.stringify({ searchId: search.searchId }));
    else context.terminal.err(`search ${search.searchId}`);
    report(context, await followSearch(context.terminal, session, search), flags);
  });
}

/** What the server refuses is told where it was given: in the file, or by a flag. */
async function createSearch(
  session: Session,
  document: SpecDocument,
  request: { readonly spec: wire.SearchSpec; readonly searchId?: string; readonly validateOnly?: boolean },
): Promise<wire.Search> {
  try {
    return await session.clients.searches.createSearch({
      parent: session.parent,
      ...request,
      requestId: request.validateOnly === true ? '' : crypto.randomUUID(),
    });
  } catch (error) {
    if (!isDomainError(error) || !error.violations.some(({ field }) => field.startsWith('spec.'))) throw error;
    throw document.locate(error, 'spec.');
  }
}

async function resume(session: Session, id: string): Promise<wire.Search> {
  const name = searchName(session, id);
  const search = await session.clients.searches.getSearch({ name });
  // A search that was running when its platform died goes on by itself as soon as a platform has its database.
  return search.state === wire.SearchState.SEARCH_STATE_PAUSED ? session.clients.searches.resumeSearch({ name, etag: search.etag }) : search;
}

function report(context: CommandContext, search: wire.Search, { json }: SearchFlags): void {
  const policyId = search.policy.split('/').at(-1) ?? '';
  switch (search.state) {
    case wire.SearchState.SEARCH_STATE_SUCCEEDED:
      if (json === true) context.terminal.out(JSON.stringify(searchToJson(search, policyId)));
      else for (const line of describeSearch(search, policyId)) context.terminal.out(line);
      return;
    case wire.SearchState.SEARCH_STATE_FAILED:
      throw new DomainError('FAILED_PRECONDITION', `search ${search.searchId} failed: ${search.error?.message ?? 'no reason is known'}`, {
        reason: 'SEARCH_FAILED',
      });
    case wire.SearchState.SEARCH_STATE_CANCELLED:
      throw new DomainError('CANCELLED', `search ${search.searchId} was cancelled`, { reason: 'SEARCH_CANCELLED' });
    default:
      throw new DomainError(
        'UNAVAILABLE',
        `search ${search.searchId} is ${search.state} at step ${search.step}: go on with nat search --resume ${search.searchId}`,
      );
  }
}

function deleteCommand(context: CommandContext): Command {
  return new Command('delete')
    .description('Delete a search that has ended; the policy that it learned stays.')
    .argument('<id>', 'of the search')
    .action(async (id: string, _: unknown, command: Command) => {
      // The connection is among the options of `nat search`, on whichever side of the word they stand.
      await using session = await openSession(context, command.optsWithGlobals<ConnectionFlags>());
      await session.clients.searches.deleteSearch({ name: searchName(session, id) });
      context.terminal.out(`search ${id} is deleted`);
    });
}
