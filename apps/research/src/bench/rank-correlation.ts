/** How far a supernet can be trusted: whether it ranks architectures as training each from scratch does. */
import { setTimeout as sleep } from 'node:timers/promises';
import { evaluation as evaluationWire, architecture as architectureWire, search as searchWire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { RandomStream } from '@nat/base/random';
import { kendallTau } from '@nat/nat';
import { refOfText } from '@nat/convert';
import { type CommandContext, table } from '@nat/console';
import { evaluationFailure, readRecipe, type RecipeFlags, resolveForEvaluation, runEvaluations, searchName, valueOf } from '@nat/console/session';
import type { Session } from '@nat/platform/session';

export interface RankCorrelationFlags extends RecipeFlags {
  readonly json?: true;
  readonly search: string;
  readonly architectures: number;
}

const POLL_MS = 250;
const PAGE = 1_000;

/** Scores results of a search's trials with its weights on the images set aside, trains each from scratch, and compares the two rankings. */
export async function benchmarkRankCorrelation({ terminal }: CommandContext, session: Session, flags: RankCorrelationFlags): Promise<void> {
  const search = await finishedSearch(session, flags.search);
  const texts = await sampleResults(session, search, flags);
  const candidates = await Promise.all(texts.map((text) => resolveForEvaluation(session, refOfText(text))));
  const shared = await scoreOnSharedWeights(session, search, candidates);
  const { reward, actions } = search.effectiveSpec!;
  const dataset = reward?.kind?.$case === 'sharedWeights' ? (reward.kind.value.dataset ?? '') : '';
  // Cells are placed alike, into the network that is trained in earnest.
  const network = architectureWire.Placement.create({ channels: actions?.placement?.channels, layers: actions?.placement?.layers });
  const trained = await runEvaluations(
    terminal,
    session,
    candidates.map((architecture, i) => ({
      work: evaluationWire.FromScratchEvaluation.create({
        dataset,
        placement: network,
        recipe: readRecipe(flags),
        candidates: [{ id: String(i), architecture }],
      }),
    })),
  );
  const rows = texts.map((architecture, i) => ({ architecture, sharedWeights: shared[i]!, fromScratch: valueOf(trained[i]?.[0]) }));
  const { n, tau, low, high } = kendallTau(rows.map((row) => row.sharedWeights), rows.map((row) => row.fromScratch)); // prettier-ignore
  if (flags.json === true) {
    terminal.out(JSON.stringify({ n, tau, low, high, architectures: rows }));
    return;
  }
  const ranked = [...rows].sort((a, b) => b.fromScratch - a.fromScratch);
  terminal.out(
    table(
      ['architecture', 'from scratch', 'shared weights'],
      ranked.map((row) => [String(rows.indexOf(row)), row.fromScratch.toFixed(4), row.sharedWeights.toFixed(4)]),
      ['from scratch', 'shared weights'],
    ),
  );
  terminal.out(`Kendall's tau ${tau.toFixed(3)} (95 % ${low.toFixed(3)} to ${high.toFixed(3)}) over ${n} architectures`);
}

/** @throws DomainError FAILED_PRECONDITION NO_WEIGHTS */
async function finishedSearch(session: Session, id: string): Promise<searchWire.Search> {
  const search = await session.clients.searches.getSearch({ name: searchName(session, id) });
  if (search.state === searchWire.SearchState.SEARCH_STATE_SUCCEEDED && search.weights !== '') return search;
  throw new DomainError('FAILED_PRECONDITION', `search ${search.searchId} has no finished shared weights`, { reason: 'NO_WEIGHTS' });
}

/** Distinct results of trials, sampled without regard to when they were drawn. */
async function sampleResults(session: Session, search: searchWire.Search, { architectures, seed }: RankCorrelationFlags): Promise<readonly string[]> {
  const results = new Set<string>();
  for (let pageToken = ''; ;) {
    const page = await session.clients.searches.listTrials({ parent: search.name, pageSize: PAGE, pageToken });
    for (const { result } of page.trials) results.add(result);
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  return RandomStream.of(seed, 'rank-correlation')
    .shuffle([...results])
    .slice(0, architectures);
}

/** Accuracies with the weights that a search ended with. @throws DomainError the worker's reason */
async function scoreOnSharedWeights(
  session: Session,
  search: searchWire.Search,
  candidates: readonly architectureWire.ArchitectureRef[],
): Promise<readonly number[]> {
  const { evaluations } = session.clients;
  // What its own evaluations said of the supernet.
  const { evaluations: own } = await evaluations.listEvaluations({
    parent: session.parent,
    filter: `search="${search.name}" AND kind="SHARED_WEIGHTS"`,
    pageSize: 1,
  });
  // A listing leaves specifications out.
  const kind = own[0] === undefined ? undefined : (await evaluations.getEvaluation({ name: own[0].name })).spec?.kind;
  if (kind?.$case !== 'sharedWeights') throw new DomainError('FAILED_PRECONDITION', `search ${search.searchId} has no evaluations`, { reason: 'NO_WEIGHTS' });
  const value = evaluationWire.SharedWeightsEvaluation.create({
    supernet: kind.value.supernet,
    weights: search.weights,
    images: { $case: 'selectionImages', value: {} },
    candidates: candidates.map((architecture, i) => ({ id: String(i), architecture })),
  });
  const entry = { evaluationId: `cli-${crypto.randomUUID()}`, spec: evaluationWire.EvaluationSpec.create({ kind: { $case: 'sharedWeights', value } }) };
  const { names } = await evaluations.submitEvaluations({ parent: session.parent, evaluations: [entry] }, { retry: true });
  for (;;) {
    const { outcome } = await evaluations.getEvaluation({ name: names[0]! });
    if (outcome?.result?.$case === 'succeeded') return outcome.result.value.results.map(valueOf);
    if (outcome !== undefined) {
      const why = outcome.result?.$case === 'failed' ? evaluationFailure(outcome.result.value).message : 'it was cancelled';
      throw new DomainError('FAILED_PRECONDITION', `the architectures could not be scored: ${why}`, { reason: 'NOTHING_EVALUATED' });
    }
    await sleep(POLL_MS);
  }
}
