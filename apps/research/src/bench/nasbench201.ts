import { search as searchWire } from '@nat/contracts';
import { loadNasBench201 } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { PolicyInference, parseCheckpoint } from '@nat/nat';
import type { BandScore } from '../nasbench201/scores.ts';
import { benchmarkNasBench201 as score, type NasBench201Report } from '../nasbench201/nasbench201-benchmark.ts';
import { type CommandContext, table } from '@nat/console';
import { followSearch } from '@nat/console/session';
import type { Session } from '@nat/platform/session';

export interface NasBench201Flags {
  readonly policy?: string;
  readonly reward: string;
  readonly seed: number;
  readonly json?: true;
}

const SEARCH = { steps: 500, batch: 512 };

/** Scores a policy on the held-out cells; searches one first where none is named. */
export async function benchmarkNasBench201(context: CommandContext, session: Session, flags: NasBench201Flags): Promise<void> {
  const { terminal, environment } = context;
  const benchmark = loadNasBench201(environment.dataDirectory);
  const { policyId, pairs } = flags.policy === undefined ? await searchPolicy(context, session, flags) : { policyId: flags.policy, pairs: null };
  const name = policyId.startsWith('namespaces/') ? policyId : `${session.parent}/policies/${policyId}`;
  const { checkpoint, version } = await session.clients.policies.exportPolicyVersion({ name });
  const report = score({
    table: benchmark,
    policy: new PolicyInference(parseCheckpoint(checkpoint)),
    column: flags.reward,
    seed: flags.seed,
    policyEvaluations: pairs ?? (await pairsOf(session, name)),
  });
  if (flags.json === true) terminal.out(JSON.stringify({ policyId, policySha256: version?.sha256, ...report }));
  else for (const line of describeReport(report)) terminal.out(line);
}

/** What the search that a policy comes from has counted; null for one that was imported or comes with the platform. */
async function pairsOf({ clients }: Session, name: string): Promise<number | null> {
  const { search } = await clients.policies.getPolicy({ name });
  return search === '' ? null : (await clients.searches.getSearch({ name: search })).rewards;
}

async function searchPolicy(
  context: CommandContext,
  session: Session,
  flags: NasBench201Flags,
): Promise<{ readonly policyId: string; readonly pairs: number }> {
  const { searches } = session.clients;
  const created = await searches.createSearch({
    parent: session.parent,
    spec: {
      sources: { kind: { $case: 'space', value: searchWire.Space.SPACE_NASBENCH201 } },
      reward: { kind: { $case: 'tabular', value: { column: flags.reward } } },
      learner: SEARCH,
      seed: flags.seed,
    },
    requestId: crypto.randomUUID(),
  });
  const search = await followSearch(context.terminal, session, created);
  if (search.state !== searchWire.SearchState.SEARCH_STATE_SUCCEEDED) {
    throw new DomainError('FAILED_PRECONDITION', `the search ended as ${search.state}: ${search.error?.message ?? 'no reason is known'}`, {
      reason: 'SEARCH_FAILED',
    });
  }
  return { policyId: search.policy.split('/').at(-1)!, pairs: search.rewards };
}

function describeReport({ column, heldOutCells, methods }: NasBench201Report): readonly string[] {
  const gain = ({ gain: fraction }: BandScore): string => `${(100 * fraction).toFixed(1)} %`;
  const bands = methods[0]!.bands;
  return [
    `${heldOutCells.toLocaleString('en')} held-out cells, ${column}: share of the attainable gain, by the source's value`,
    ...table(
      ['method', 'evaluations', 'all', ...bands.map(({ low, high }) => `${low}-${high}`), 'change >90', 'dearer'],
      methods.map((method) => [
        method.name,
        method.evaluations?.toLocaleString('en') ?? '-',
        gain(method.overall),
        ...method.bands.map(gain),
        method.changeAbove90.toFixed(3),
        String(method.certificateViolations),
      ]),
      ['evaluations', 'all', ...bands.map(({ low, high }) => `${low}-${high}`), 'change >90', 'dearer'],
    ).split('\n'),
  ];
}
