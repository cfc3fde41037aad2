/** Rounds of local SGD on the shared weights: shards train apart from the same weights, then their average goes on. One shard is sequential SGD. */
import { DomainError } from '@nat/base/errors';
import { weightRoundsOf } from '@nat/nat';
import { weightTaskAt, type PlannedEvaluation } from '../evaluation/evaluation-requests.ts';
import type { StoredEvaluation } from '../store/round-store.ts';
import { evaluate, type CommittedRound, type Run } from './run.ts';

export interface TrainedWeights {
  /** Blob of the weights. */
  readonly weights: string;
  /** Rounds that this took; 0: the weights are those from before. */
  readonly rounds: number;
  readonly evaluations: number;
  /** Blobs that were written on the way there. */
  readonly superseded: readonly string[];
  /** Means over all steps of all shards. */
  readonly loss: number | null;
  readonly accuracy: number | null;
}

/**
 * Does the weight training that a step of a search begins with. What an earlier run of the step got done is taken as it is.
 * @throws DomainError FAILED_PRECONDITION WEIGHTS_FAILED
 */
export async function trainWeights(run: Run, round: CommittedRound, signal: AbortSignal): Promise<TrainedWeights> {
  const rounds = weightRoundsOf(run.spec, round.number);
  let weights = run.weights;
  let evaluations = 0;
  const written: string[] = [];
  const trained: { readonly steps: number; readonly metrics: Readonly<Record<string, number>> }[] = [];
  for (const { round: number, steps } of rounds) {
    const of =
      (wanted: PlannedEvaluation['kind']) =>
      ({ kind, position }: PlannedEvaluation): boolean =>
        kind === wanted && weightTaskAt(run.spec, round.number, position).round === number;
    const shards = succeeded(await evaluate(run, round, of('weights'), [weights], signal));
    for (const { metrics } of shards) trained.push({ steps, metrics });
    const [only] = shards;
    const last =
      shards.length === 1
        ? only!
        : succeeded(
            await evaluate(
              run,
              round,
              of('average'),
              shards.map((shard) => shard.weights),
              signal,
            ),
          )[0]!;
    weights = last.weights;
    written.push(...shards.map((shard) => shard.weights), weights);
    evaluations += shards.length === 1 ? 1 : shards.length + 1;
  }
  return {
    weights,
    rounds: rounds.length,
    evaluations,
    superseded: written.filter((key) => key !== weights),
    loss: meanOf(trained, 'trainLoss'),
    accuracy: meanOf(trained, 'trainAccuracy'),
  };
}

function succeeded(evaluations: readonly StoredEvaluation[]): readonly StoredEvaluation[] {
  const failed = evaluations.find(({ state }) => state === 'FAILED');
  if (failed === undefined) return evaluations;
  throw new DomainError('FAILED_PRECONDITION', `the shared weights could not be trained: ${failed.failure}`, { reason: 'WEIGHTS_FAILED' });
}

/** Null where nothing was trained. */
function meanOf(trained: readonly { readonly steps: number; readonly metrics: Readonly<Record<string, number>> }[], name: string): number | null {
  const known = trained.filter(({ metrics }) => metrics[name] !== undefined);
  const total = known.reduce((sum, { steps }) => sum + steps, 0);
  return total === 0 ? null : known.reduce((sum, { steps, metrics }) => sum + steps * metrics[name]!, 0) / total;
}
