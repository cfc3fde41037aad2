/** One search, from where it stands to its end, by the process that owns it. Everything it may lose is in memory; everything that counts is committed first. */
import { search as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { sha256 } from '@nat/tensor';
import { algorithm1, freshStart } from '@nat/nat';
import { sql } from 'kysely';
import { addVersion } from '../../policies/policy-store.ts';
import { unwrapLearnerState } from '../store/learner-state.ts';
import { searchNames } from '../names.ts';
import { schemeOf, sessionSpecOf } from '../contract/search-spec.ts';
import { readStoredSpec } from '../contract/stored-spec.ts';
import { changeState, SEARCH_CHANNEL, type Tx } from '../store/search-store.ts';
import { comparePolicies, type PolicyComparison } from './compare-policies.ts';
import { requireOwnership, type OwnedSearch, type Run, type RunContext } from './run.ts';
import { abandonDropped, readProgress, searchPorts } from './search-ports.ts';

/**
 * Runs an owned search to its end.
 * @throws DomainError ABORTED SEARCH_NOT_OWNED when it was paused, cancelled or taken over; the signal's reason; what fails for good
 */
export async function runSearch(context: RunContext, owned: OwnedSearch, signal: AbortSignal): Promise<void> {
  const { row } = owned;
  const spec = readStoredSpec(row.spec);
  const stored = await openingState(context, owned, spec);
  signal.throwIfAborted();
  const learner = await context.startLearner(sessionSpecOf(spec), stored);
  const kill = (): void => void learner.close();
  signal.addEventListener('abort', kill);
  try {
    const name = searchNames.format({ namespace: row.namespace, search: row.search_id });
    const run: Run = {
      ...context,
      owned,
      spec,
      name,
      learner,
      signal,
      start: () => startOf(context, owned, spec),
      step: row.step,
      learnerState: row.learner_state,
      weights: row.weights,
      checkpoint: learner.opened,
    };
    await abandonDropped(run);
    await algorithm1(searchPorts(run), {
      steps: spec.steps,
      roundsInFlight: Math.max(1, spec.roundsInFlight),
      maxStaleness: spec.maxStaleness ?? 0,
      progress: await readProgress(run),
    });
    await finalize(run, await comparePolicies(run));
  } finally {
    signal.removeEventListener('abort', kill);
    await learner.close();
  }
}

/** Where the learner starts: the state after the last step, or what the search begins with. */
async function openingState(context: RunContext, owned: OwnedSearch, spec: wire.SearchSpec): Promise<Uint8Array | undefined> {
  const { learner_state: learnerState } = owned.row;
  return learnerState === '' ? startOf(context, owned, spec) : unwrapLearnerState(await context.blobs.get(learnerState));
}

/** The policy to start from; undefined for a fresh one. What a fork began with is superseded by its first step: it is compared with a fresh policy. */
async function startOf({ loadPolicy }: RunContext, { row }: OwnedSearch, { initialPolicy }: wire.SearchSpec): Promise<Uint8Array | undefined> {
  return initialPolicy === '' ? undefined : freshStart(await loadPolicy(row.namespace, initialPolicy));
}

/** Registers the policy and ends the search, in one transaction. */
async function finalize(run: Run, { report: heldOut, counts }: PolicyComparison): Promise<void> {
  const { database, blobs, owned, checkpoint, spec } = run;
  const { row } = owned;
  const policySha256 = await blobs.put(checkpoint);
  if (policySha256 !== sha256(checkpoint))
    throw new DomainError('DATA_LOSS', 'the blob store named the policy otherwise than by its SHA-256', { reason: 'BLOB_KEY' });
  await database.transaction(async (tx: Tx) => {
    await requireOwnership(tx, owned, run.step);
    await addVersion(tx, {
      namespace: row.namespace,
      policyId: row.search_id,
      encoder: spec.encoder === 'pair' ? 'pair' : 'edge',
      scheme: schemeOf(spec),
      displayName: row.search_id,
      description: describe(spec, run.step),
      search: run.name,
      step: run.step,
      sha256: policySha256,
      sizeBytes: checkpoint.length,
    });
    await tx
      .updateTable('policy.search')
      .set({ candidates: sql<number>`candidates + ${counts.known}`, failed_candidates: sql<number>`failed_candidates + ${counts.failed}` })
      .where('ordinal', '=', row.ordinal)
      .execute();
    await changeState(tx, row.ordinal, { state: 'SUCCEEDED', policySha256, ...(heldOut === undefined ? {} : { heldOut: wire.HeldOutReport.toJSON(heldOut) }) });
  });
  database.signal(SEARCH_CHANNEL);
}

/** Where a policy comes from, in words. */
function describe({ space, evaluator, reward, dataset, batch, seed, preset, baseline }: wire.SearchSpec, step: number): string {
  const rewards = evaluator === 'tabular' ? `the table's ${reward}` : `${evaluator} accuracy on ${dataset}`;
  return `learned in ${step} steps of ${batch} trials from ${space}, rewarded by ${rewards}; preset ${preset}, ${baseline}, seed ${seed}`;
}
