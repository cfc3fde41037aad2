import { search as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { Command } from 'commander';
import { type CommandContext, type ConnectionFlags, connectionOptions, followSearch, integer, openSession, searchName } from '@nat/console';
import { searchSpecOf, searchSpecOptions, SPLITS, type SearchSpecFlags } from '../flags/search.ts';
import type { Session } from '@nat/platform/session';

interface SearchFlags extends ConnectionFlags, SearchSpecFlags {
  readonly json?: true;
  readonly resume?: string;
  readonly workers: number;
  readonly id?: string;
}

export function searchCommand(context: CommandContext): Command {
  const command = new Command('search')
    .description('Learn a policy: draw networks, transform them, evaluate both, and reinforce what helped.')
    .option('--resume <id>', 'go on with a search that was interrupted or paused; every other option comes from it')
    .option('--workers <n>', 'worker processes of the embedded platform', integer(1, 64), 1)
    .option('--id <id>', 'the name of the search; chosen when left out')
    .option('--json', 'print JSON: first {"searchId"}, last the result')
    .addHelpText(
      'after',
      `
Examples:
  nat search --space nasbench201 --evaluator tabular --reward c10_valid_200 --steps 500 --batch 512 --seed 0
  nat search --space nasbench201 --evaluator tabular --steps 500 --batch 512 --asynchronous --rounds-in-flight 8
  nat search --space resblock --evaluator shared-weights --dataset cifar10 --preset small --workers 3
  nat search --space darts --evaluator shared-weights --dataset cifar10 --preset nat++ --shards 4
  nat search --resume 3f1c...`,
    );
  for (const option of [...searchSpecOptions(), ...connectionOptions()]) command.addOption(option);
  return command.action(async (flags: SearchFlags) => {
    await using session = await openSession(context, flags, flags.workers);
    const search = await startOrResume(session, flags);
    if (flags.json === true) context.terminal.out(JSON.stringify({ searchId: search.searchId }));
    else context.terminal.err(`search ${search.searchId}`);
    const final = await followSearch(context.terminal, session, search);
    report(context, final, flags);
  });
}

async function startOrResume(session: Session, flags: SearchFlags): Promise<wire.Search> {
  if (flags.resume === undefined) {
    return session.clients.searches.createSearch({
      parent: session.parent,
      spec: searchSpecOf(flags),
      searchId: flags.id ?? '',
      requestId: crypto.randomUUID(),
    });
  }
  const name = searchName(session, flags.resume);
  const search = await session.clients.searches.getSearch({ name });
  // A search that was running when its platform died goes on by itself as soon as a platform has its database.
  return search.state === wire.SearchState.SEARCH_STATE_PAUSED ? session.clients.searches.resumeSearch({ name, etag: search.etag }) : search;
}

function report(context: CommandContext, search: wire.Search, flags: SearchFlags): void {
  const policyId = search.policy.split('/').at(-1) ?? '';
  switch (search.state) {
    case wire.SearchState.SEARCH_STATE_SUCCEEDED:
      if (flags.json === true) {
        context.terminal.out(JSON.stringify(resultOf(search, policyId)));
      } else {
        context.terminal.out(`policy ${policyId}  sha256 ${search.policySha256}  ${search.rewards} rewards in ${search.step} steps`);
        for (const line of describeAsynchrony(search)) context.terminal.out(line);
        for (const line of describeSharedWeights(search)) context.terminal.out(line);
        context.terminal.out(`use it: nat transform <source> --policy ${policyId}`);
      }
      return;
    case wire.SearchState.SEARCH_STATE_FAILED:
      throw new DomainError('FAILED_PRECONDITION', `search ${search.searchId} failed: ${search.errorMessage}`, { reason: 'SEARCH_FAILED' });
    case wire.SearchState.SEARCH_STATE_CANCELLED:
      throw new DomainError('CANCELLED', `search ${search.searchId} was cancelled`, { reason: 'SEARCH_CANCELLED' });
    default:
      throw new DomainError(
        'UNAVAILABLE',
        `search ${search.searchId} is ${search.state} at step ${search.step}: go on with nat search --resume ${search.searchId}`,
      );
  }
}

/** What `--json` prints at the end: rounds and rewards are those that count, of policy steps; the rest is about shared weights. */
function resultOf(search: wire.Search, policyId: string): Readonly<Record<string, unknown>> {
  const { searchId, policySha256, candidates, failedCandidates, rewards, step, weightRounds, heldOut } = search;
  const counted = { searchId, policyId, policySha256, candidates, failedCandidates, steps: step, rounds: step, rewards };
  const result = isAsynchronous(search) ? { ...counted, droppedTrials: search.droppedTrials } : counted;
  return search.spec?.evaluator === 'shared-weights' ? { ...result, weightRounds, split: splitOf(search.spec), heldOut } : result;
}

function isAsynchronous({ spec }: wire.Search): boolean {
  return spec?.mode === wire.SearchMode.SEARCH_MODE_ASYNCHRONOUS;
}

function describeAsynchrony(search: wire.Search): readonly string[] {
  if (!isAsynchronous(search)) return [];
  const { roundsInFlight, maxStaleness = 0, importanceClip = 1 } = search.spec!;
  const dropped = `${search.droppedTrials} trials dropped as stale`;
  return [`asynchronous: ${roundsInFlight} rounds in flight, at most ${maxStaleness} steps stale, weights up to ${importanceClip}; ${dropped}`];
}

function splitOf({ split }: wire.SearchSpec): keyof typeof SPLITS {
  return split === SPLITS.official ? 'official' : 'set-aside';
}

const SPLIT_WORDS = {
  'set-aside': '5,000 training images set aside for selection; of the rest 40 % for weights, 60 % for the policy',
  official: 'official: 40 % of the training images for weights, 60 % for the policy, none set aside',
} as const;

function describeSharedWeights({ spec, weightRounds, heldOut }: wire.Search): readonly string[] {
  if (spec?.evaluator !== 'shared-weights') return [];
  const lines = [`split ${SPLIT_WORDS[splitOf(spec)]}`, `${weightRounds} rounds of weight training, ${spec.shards} shards`];
  if (heldOut === undefined) return lines;
  const percent = (value: number): string => (100 * value).toFixed(2);
  const interval = ({ mean, low, high }: wire.MeanInterval): string => `${percent(mean)} points (95 % ${percent(low)} to ${percent(high)})`;
  const { sources, images, sourceAccuracy, untrainedAccuracy, trainedAccuracy, difference, gain } = heldOut;
  return [
    ...lines,
    `held out: ${sources} sources on ${images.toLocaleString('en')} images set aside, with the final weights, accuracy in %:`,
    `  source ${percent(sourceAccuracy)}  untrained policy's result ${percent(untrainedAccuracy)}  this policy's result ${percent(trainedAccuracy)}`,
    `  this policy - untrained policy ${interval(difference!)}`,
    `  this policy - source ${interval(gain!)}`,
  ];
}
