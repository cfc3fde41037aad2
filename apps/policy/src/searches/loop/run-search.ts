/** One search, from where it stands to its end, by the process that owns it. Everything it may lose is in memory; everything that counts is committed first. */
import { search as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { sha256 } from '@nat/tensor';
import { algorithm1, freshStart, sessionSpecOf, type EffectiveSearchSpec } from '@nat/nat';
import { sql } from 'kysely';
import { addVersion } from '../../policies/policy-store.ts';
import { unwrapLearnerState } from '../store/learner-state.ts';
import { searchNames } from '../names.ts';
import { changeState, SEARCH_CHANNEL } from '../store/search-store.ts';
import type { Tx } from '../store/tables.ts';
import { readEffectiveSpec } from '../store/stored-spec.ts';
import { comparePolicies, type PolicyComparison } from './compare-policies.ts';
import { requireOwnership, type OwnedSearch, type Run, type RunContext } from './run.ts';
import { abandonDropped, readProgress, searchPorts } from './search-ports.ts';

/**
 * Runs an owned search to its end.
 * @throws DomainError ABORTED SEARCH_NOT_OWNED when it was paused, cancelled or taken over; the signal's reason; what fails for good
 */
export async function runSearch(context: RunContext, owned: OwnedSearch, signal: AbortSignal): Promise<void> {
  const { row } = owned;
  const spec = readEffectiveSpec(row);
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
      steps: spec.learner.steps,
      roundsInFlight: spec.pipelining.roundsInFlight,
      maxStaleness: spec.pipelining.maxStaleness,
      progress: await readProgress(run),
    });
    await finalize(run, await comparePolicies(run));
  } finally {
    signal.removeEventListener('abort', kill);
    await learner.close();
  }
}

/** Where the learner starts: the state after the last step, or what the search begins with. */
async function openingState(context: RunContext, owned: OwnedSearch, spec: EffectiveSearchSpec): Promise<Uint8Array | undefined> {
  const { learner_state: learnerState } = owned.row;
  return learnerState === '' ? startOf(context, owned, spec) : unwrapLearnerState(await context.blobs.get(learnerState));
}

/** The policy to start from; undefined for a fresh one. What a fork began with is superseded by its first step: it is compared with a fresh policy. */
async function startOf({ loadPolicy }: RunContext, { row }: OwnedSearch, { policy: { initialPolicy } }: EffectiveSearchSpec): Promise<Uint8Array | undefined> {
  return initialPolicy === undefined ? undefined : freshStart(await loadPolicy(row.namespace, initialPolicy));
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
      encoder: spec.policy.encoder.kind === 'gcn' ? 'pair' : 'edge',
      scheme: spec.actions.scheme,
      displayName: row.search_id,
      description: describe(spec, run.step),
      search: run.name,
      space: spaceOf(spec),
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

/** The space that a policy is learned on, or the network of the zoo. */
function spaceOf({ sources }: EffectiveSearchSpec): string {
  return sources.kind === 'zoo' ? sources.name : sources.space;
}

/** Where a policy comes from, in words. */
function describe(spec: EffectiveSearchSpec, step: number): string {
  const { reward, learner, seed, preset } = spec;
  const rewards = reward.kind === 'tabular' ? `the table's ${reward.column}` : `${reward.kind} accuracy on ${reward.dataset}`;
  return `learned in ${step} steps of ${learner.batch} trials from ${spaceOf(spec)}, rewarded by ${rewards}; preset ${preset}, baseline ${learner.baseline.kind}, seed ${seed}`;
}
