import { evaluation } from '@nat/contracts';
import { DomainError, isDomainError } from '@nat/base/errors';
import { domainErrorToStatus, type ServiceContext } from '@nat/service';
import { isBlobKey, type BlobStore, type Database } from '@nat/storage';
import { formatTraceparent, SpanKind, withSpan } from '@nat/base/tracing';
import type { CoordinatorConfig } from '../config.ts';
import type { Coordinator } from '../coordinator.ts';
import { saveCheckpoint } from '../queue/checkpoint.ts';
import { appendObservations } from '../queue/read.ts';
import type { EvaluatorTables } from '../tables/tables.ts';
import { blobsOf, evaluationKindFromWire, fromDuration, toDuration, type EvaluationKindName } from '@nat/convert';

export interface WorkerHandlersOptions {
  readonly coordinator: Coordinator;
  readonly database: Database<EvaluatorTables>;
  /** Where workers put weights; with it, an outcome that names a blob which is not there is refused. */
  readonly blobs?: BlobStore | undefined;
  readonly config: CoordinatorConfig;
}

/** WorkerService: the side of the queue that works. */
export function createWorkerHandlers({ coordinator, database, blobs, config }: WorkerHandlersOptions): evaluation.WorkerServiceImplementation<ServiceContext> {
  const finalize = async ({ lease, outcome }: evaluation.CompleteEvaluationRequest, traceparent: string | undefined): Promise<evaluation.EvaluationState> => {
    const reference = requireLease(lease);
    if (outcome === undefined) throw DomainError.invalid('outcome', 'is required');
    if (outcome.result?.$case === 'succeeded' && blobs !== undefined) for (const key of blobsOf(outcome.result.value)) await requireBlob(blobs, key);
    return `EVALUATION_STATE_${await coordinator.complete(reference, outcome, traceparent)}`;
  };

  /** Each outcome in the trace of its own evaluation: the call carries those of others too. */
  const complete = (completion: evaluation.CompleteEvaluationRequest, { trace }: ServiceContext): Promise<evaluation.EvaluationState> => {
    const above = completion.traceparent === '' ? {} : { parent: completion.traceparent, links: [formatTraceparent(trace)] };
    const attributes = { 'nat.evaluation': completion.lease?.evaluation ?? '' };
    return withSpan('complete', { kind: SpanKind.CONSUMER, attributes, ...above }, ({ traceparent }) => finalize(completion, traceparent));
  };

  return {
    registerWorker: async ({ workerId, capabilities, kinds, instance }) => {
      await coordinator.register({ id: workerId, instance, capabilities: [...new Set(capabilities)].sort(), kinds: kindsFromWire(kinds) });
      return { renewInterval: toDuration(config.renewMs), leaseDuration: toDuration(config.leaseMs) };
    },

    leaseEvaluations: async ({ workerId, maxCount, wait, kinds, loadedWeights }, { signal, draining }) => {
      const leased = await coordinator.lease({
        worker: workerId,
        maxCount,
        waitMs: fromDuration(wait),
        kinds: kindsFromWire(kinds),
        loadedWeights: [...new Set(loadedWeights)],
        signal: AbortSignal.any([signal, draining]),
      });
      return {
        leases: leased.map(({ name, spec: bytes, resumeFrom, token, attempt, expireTime, traceparent }) => {
          const spec = evaluation.EvaluationSpec.decode(bytes);
          const continued = resumeFrom !== spec.resumeFrom;
          return { evaluation: name, spec: { ...spec, resumeFrom }, token, attempt, expireTime, continued, traceparent };
        }),
      };
    },

    renewLeases: async ({ workerId, leases }) => {
      const { cancelled, lost, expireTime } = await coordinator.renew(
        workerId,
        leases.map(({ evaluation: name, token }) => ({ name, token })),
      );
      return { cancelled: [...cancelled], lost: [...lost], expireTime };
    },

    reportObservations: async ({ lease, firstSequence, observations }) => {
      const { name, token } = requireLease(lease);
      const now = new Date();
      await appendObservations(database, {
        name,
        token,
        firstSequence,
        observations: observations.map(({ metric, value, step, time, candidateId }) => ({ metric, value, step, time: time ?? now, candidateId })),
      });
      return {};
    },

    reportCheckpoint: async ({ lease, checkpoint }) => {
      if (checkpoint === undefined) throw DomainError.invalid('checkpoint', 'is required');
      await saveCheckpoint(database, requireLease(lease), checkpoint);
      return {};
    },

    completeEvaluation: async (request, context) => ({ state: await complete(request, context) }),

    completeEvaluations: async ({ completions }, context) => ({
      results: await Promise.all(
        completions.map(async (completion): Promise<evaluation.CompletionResult> => {
          try {
            return { result: { $case: 'state', value: await complete(completion, context) } };
          } catch (error) {
            if (!isDomainError(error)) throw error;
            return { result: { $case: 'error', value: domainErrorToStatus(error) } };
          }
        }),
      ),
    }),

    releaseLease: async ({ lease, checkpoint }) => {
      await coordinator.release(requireLease(lease), checkpoint);
      return {};
    },
  };
}

/** Distinct, in one order; those that this build does not know left out. */
function kindsFromWire(kinds: readonly evaluation.EvaluationKind[]): readonly EvaluationKindName[] {
  return [...new Set(kinds.flatMap((kind) => evaluationKindFromWire(kind) ?? []))].sort();
}

function requireLease(lease: evaluation.LeaseReference | undefined): { readonly name: string; readonly token: number } {
  if (lease === undefined) throw DomainError.invalid('lease', 'is required');
  return { name: lease.evaluation, token: lease.token };
}

/** Weights are durable before the outcome that names them. */
async function requireBlob(blobs: BlobStore, key: string): Promise<void> {
  if (!isBlobKey(key) || !(await blobs.has(key))) {
    throw new DomainError('FAILED_PRECONDITION', `the weights ${key} are not in the blob store`, { reason: 'BLOB_NOT_FOUND', metadata: { key } });
  }
}
