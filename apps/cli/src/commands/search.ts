import { evaluation as evaluationWire, search as wire, transform as transformWire } from '@nat/contracts';
import { DATASET_CHOICES, type DatasetName } from '@nat/datasets';
import { DomainError } from '@nat/errors';
import { Command, Option } from 'commander';
import { followSearch } from '../follow-search.ts';
import { datasetName, integer, number } from '../options.ts';
import { placementOptions, readPlacement, type PlacementFlags } from '../placement-flags.ts';
import type { CommandContext } from '../program.ts';
import { connectionOptions, openSession, type ConnectionFlags, type Session } from '../session.ts';
import { placementToWire } from '@nat/wire';

interface SearchFlags extends ConnectionFlags, PlacementFlags {
  readonly json?: true;
  readonly resume?: string;
  readonly space?: string;
  readonly evaluator?: 'tabular' | 'shared-weights' | 'from-scratch';
  readonly reward?: string;
  readonly dataset?: DatasetName;
  readonly steps: number;
  readonly batch: number;
  readonly seed: number;
  readonly scheme: 'nat' | 'nat++';
  readonly encoder: 'edge' | 'pair';
  readonly baseline?: 'self-critical' | 'moving-average' | 'moving-average-official';
  readonly preset?: string;
  readonly learningRate?: number;
  readonly entropyWeight?: number;
  readonly initialPolicy?: string;
  readonly weightSteps?: number;
  readonly warmupWeightSteps?: number;
  readonly imageBatch?: number;
  readonly childEpochs?: number;
  readonly childSteps?: number;
  readonly threads?: number;
  readonly workers?: number;
  readonly weightLearningRate?: number;
  readonly weightMomentum?: number;
  readonly weightDecay?: number;
  readonly clipNorm?: number;
  readonly scoreBatches?: number;
  readonly split?: 'set-aside' | 'parity';
  readonly policyWeightDecay?: number;
  readonly adamBeta1?: number;
  readonly adamBeta2?: number;
  readonly adamEpsilon?: number;
  readonly baselineDecay?: number;
  readonly id?: string;
}

const BASELINES = {
  'self-critical': wire.Baseline.BASELINE_SELF_CRITICAL,
  'moving-average': wire.Baseline.BASELINE_MOVING_AVERAGE,
  'moving-average-official': wire.Baseline.BASELINE_MOVING_AVERAGE_OFFICIAL,
} as const;

const SPLITS = {
  'set-aside': evaluationWire.SearchSplit.SEARCH_SPLIT_SET_ASIDE,
  parity: evaluationWire.SearchSplit.SEARCH_SPLIT_PARITY,
} as const;

export function searchCommand(context: CommandContext): Command {
  const command = new Command('search')
    .description('Learn a policy: draw networks, transform them, evaluate both, and reinforce what helped.')
    .option('--resume <id>', 'go on with a search that was interrupted or paused; every other option comes from it')
    .option('--space <name>', 'nasbench201, darts, enas, resblock, vgg, mobilenetv2, or a name of the zoo')
    .addOption(new Option('--evaluator <kind>', 'where rewards come from').choices(['tabular', 'shared-weights', 'from-scratch']))
    .option('--reward <column>', 'tabular: the column of the table that is the reward')
    .option('--dataset <name>', `what networks learn where rewards come from training: ${DATASET_CHOICES}`, datasetName)
    .option('--steps <n>', 'learner steps', integer(1, 1_000_000), 500)
    .option('--batch <n>', 'pairs a step', integer(1, 65_536), 512)
    .option('--seed <n>', 'same seed, same policy, to the bit', integer(0), 0)
    .addOption(new Option('--scheme <scheme>', 'how operations may be replaced').choices(['nat', 'nat++']).default('nat'))
    .addOption(new Option('--encoder <encoder>', 'edge: any network; pair: the official one').choices(['edge', 'pair']).default('edge'))
    .addOption(new Option('--baseline <baseline>', 'what the reward is compared with').choices(Object.keys(BASELINES)))
    .option('--preset <name>', 'hyper-parameters: nat, nat++ or tabular; by evaluator when left out')
    .option('--learning-rate <x>', 'overrides the preset', number(0, 1))
    .option('--entropy-weight <x>', 'overrides the preset', number(0, 10))
    .option('--initial-policy <id>', 'start from this policy')
    .option('--weight-steps <n>', 'shared-weights: steps of weight training before each policy step', integer(0, 1_000_000))
    .option('--warmup-weight-steps <n>', 'shared-weights: steps of weight training before the first', integer(0, 1_000_000))
    .option('--image-batch <n>', 'images a training batch', integer(1, 4096))
    .option('--child-epochs <n>', 'from-scratch: epochs a child', integer(1, 10_000))
    .option('--child-steps <n>', 'from-scratch: at most this many steps a child', integer(1))
    .option('--threads <n>', 'TensorFlow threads, stored in the search', integer(1, 256))
    .option('--weight-learning-rate <x>', 'shared-weights: SGD of the weights', number(0, 10))
    .option('--weight-momentum <x>', 'shared-weights: SGD of the weights', number(0, 1))
    .option('--weight-decay <x>', 'shared-weights: SGD of the weights', number(0, 1))
    .option('--clip-norm <x>', 'shared-weights: norm that gradients of the weights are clipped to', number(0, 1_000_000))
    .option('--score-batches <n>', 'shared-weights: image batches that a reward is measured on', integer(1, 1000))
    .addOption(new Option('--split <split>', 'shared-weights: set 5,000 images aside for selection, or split all 40/60').choices(['set-aside', 'parity']))
    .option('--policy-weight-decay <x>', 'overrides the preset', number(0, 1))
    .option('--adam-beta1 <x>', 'overrides the preset', number(0, 1))
    .option('--adam-beta2 <x>', 'overrides the preset', number(0, 1))
    .option('--adam-epsilon <x>', 'overrides the preset', number(0, 1))
    .option('--baseline-decay <x>', 'of a moving average', number(0, 1))
    .option('--workers <n>', 'worker processes of the embedded platform', integer(1, 64), 1)
    .option('--id <id>', 'the name of the search; chosen when left out')
    .option('--json', 'print JSON: first {"searchId"}, last the result')
    .addHelpText(
      'after',
      `
Examples:
  nat search --space nasbench201 --evaluator tabular --reward c10_valid_200 --steps 500 --batch 512 --seed 0
  nat search --space darts --evaluator shared-weights --dataset mnist --steps 20 --batch 8 --channels 8 --layers 4
  nat search --resume 3f1c...`,
    );
  for (const option of [...placementOptions(), ...connectionOptions()]) command.addOption(option);
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
    return session.clients.searches.createSearch({ parent: session.parent, spec: specOf(flags), searchId: flags.id ?? '', requestId: crypto.randomUUID() });
  }
  const name = flags.resume.includes('/') ? flags.resume : `${session.parent}/searches/${flags.resume}`;
  const search = await session.clients.searches.getSearch({ name });
  // A search that was running when its platform died goes on by itself as soon as a platform has its database.
  return search.state === wire.SearchState.SEARCH_STATE_PAUSED ? session.clients.searches.resumeSearch({ name, etag: search.etag }) : search;
}

function specOf(flags: SearchFlags): Partial<wire.SearchSpec> {
  const missing = (['space', 'evaluator'] as const).filter((name) => flags[name] === undefined);
  if (missing.length > 0) {
    throw DomainError.invalidFields(
      missing.map((name) => ({ field: `--${name}`, description: 'is required, unless --resume is given' })),
      'MISSING_OPTION',
    );
  }
  return {
    space: flags.space!,
    evaluator: flags.evaluator!,
    reward: flags.reward ?? '',
    dataset: flags.dataset ?? '',
    steps: flags.steps,
    batch: flags.batch,
    seed: flags.seed,
    scheme: flags.scheme === 'nat' ? transformWire.Scheme.SCHEME_NAT : transformWire.Scheme.SCHEME_NAT_PLUS_PLUS,
    encoder: flags.encoder,
    baseline: flags.baseline === undefined ? wire.Baseline.BASELINE_UNSPECIFIED : BASELINES[flags.baseline],
    preset: flags.preset ?? '',
    learningRate: flags.learningRate,
    entropyWeight: flags.entropyWeight,
    placement: placementToWire(readPlacement(flags)),
    initialPolicy: flags.initialPolicy ?? '',
    weightSteps: flags.weightSteps ?? 0,
    warmupWeightSteps: flags.warmupWeightSteps ?? 0,
    imageBatch: flags.imageBatch ?? 0,
    childEpochs: flags.childEpochs ?? 0,
    childSteps: flags.childSteps ?? 0,
    threads: flags.threads ?? 0,
    weightLearningRate: flags.weightLearningRate,
    weightMomentum: flags.weightMomentum,
    weightDecay: flags.weightDecay,
    clipNorm: flags.clipNorm,
    scoreBatches: flags.scoreBatches ?? 0,
    split: flags.split === undefined ? evaluationWire.SearchSplit.SEARCH_SPLIT_UNSPECIFIED : SPLITS[flags.split],
    policyWeightDecay: flags.policyWeightDecay,
    adamBeta1: flags.adamBeta1,
    adamBeta2: flags.adamBeta2,
    adamEpsilon: flags.adamEpsilon,
    baselineDecay: flags.baselineDecay,
  };
}

function report(context: CommandContext, search: wire.Search, flags: SearchFlags): void {
  const policyId = search.policy.split('/').at(-1) ?? '';
  switch (search.state) {
    case wire.SearchState.SEARCH_STATE_SUCCEEDED:
      if (flags.json === true) {
        const { searchId, policySha256, pairs, failedPairs, step } = search;
        context.terminal.out(JSON.stringify({ searchId, policyId, policySha256, pairs, failedPairs, steps: step }));
      } else {
        context.terminal.out(`policy ${policyId}  sha256 ${search.policySha256}  ${search.pairs} pairs in ${search.step} steps`);
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
