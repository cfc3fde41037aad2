import { evaluation, rpc } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { decodePageToken, domainErrorToStatus, encodePageToken, pageSize as sizeOf, type ServiceContext } from '@nat/service';
import type { BlobStore, Database } from '@nat/storage';
import { formatTraceparent } from '@nat/base/tracing';
import type { Coordinator } from '../coordinator.ts';
import { listEvaluations, listObservations, readEvaluation, readEvaluations, type StoredEvaluation } from '../queue/read.ts';
import type { Submission } from '../queue/submit.ts';
import type { EvaluatorTables } from '../tables/tables.ts';
import { incapability, liveAbilities, noCapableWorker, type WorkerAbilities } from '../queue/workers.ts';
import { readSpecification } from '../queue/specification.ts';
import { z } from 'zod';
import { readEvaluationFilter } from './evaluation-filter.ts';
import { createWeightsHandlers } from './weights-handlers.ts';

export interface EvaluationHandlersOptions {
  readonly coordinator: Coordinator;
  readonly database: Database<EvaluatorTables>;
  readonly workerTimeoutMs: number;
  /** Where workers put weights. */
  readonly blobs: BlobStore | undefined;
}

/** EvaluationService: the side of the queue that asks. */
export function createEvaluationHandlers({
  coordinator,
  database,
  workerTimeoutMs,
  blobs,
}: EvaluationHandlersOptions): evaluation.EvaluationServiceImplementation<ServiceContext> {
  const withReason = async (rows: readonly StoredEvaluation[]): Promise<evaluation.Evaluation[]> => {
    const workers = rows.some(({ state }) => state === 'QUEUED') ? await liveAbilities(database, workerTimeoutMs) : [];
    return rows.map((row) => toEvaluation(row, workers));
  };

  return {
    ...createWeightsHandlers({ blobs }),

    submitEvaluations: async ({ parent, evaluations }, { trace }) => {
      const traceparent = formatTraceparent(trace);
      const submissions = new Map<string, Submission>();
      for (const [i, { evaluationId, spec }] of evaluations.entries()) {
        const field = `evaluations[${i}]`;
        if (spec === undefined) throw DomainError.invalid(`${field}.spec`, 'is required');
        const name = `${parent}/evaluations/${evaluationId}`;
        const specification = readSpecification(spec, `${field}.spec`);
        if (specification.search !== '' && !specification.search.startsWith(`${parent}/`)) {
          throw DomainError.invalid(`${field}.spec.search`, `is not in ${parent}`);
        }
        const same = submissions.get(name);
        if (same !== undefined && same.specification.sha256 !== specification.sha256) {
          throw DomainError.invalid(`${field}.evaluation_id`, `${evaluationId} is there twice with different specifications`);
        }
        submissions.set(name, { name, namespace: parent, specification, traceparent });
      }
      await coordinator.submit([...submissions.values()]);
      return { names: evaluations.map(({ evaluationId }) => `${parent}/evaluations/${evaluationId}`) };
    },

    getEvaluation: async ({ name }) => (await withReason([await readEvaluation(database, name)]))[0]!,

    batchGetEvaluations: async ({ parent, names }) => {
      for (const [i, name] of names.entries()) {
        if (!name.startsWith(`${parent}/evaluations/`)) throw DomainError.invalid(`names[${i}]`, `is not in ${parent}`);
      }
      const found = new Map((await withReason(await readEvaluations(database, [...new Set(names)]))).map((one) => [one.name, one]));
      return { evaluations: names.flatMap((name) => found.get(name) ?? []) };
    },

    listEvaluations: async ({ parent, pageSize, pageToken, filter }) => {
      const scope = { list: 'evaluations', parent, filter };
      const afterOrdinal = decodePageToken(pageToken, scope, z.int()) ?? 0;
      const limit = sizeOf(pageSize);
      const rows = await listEvaluations(database, { namespace: parent, ...readEvaluationFilter(filter), afterOrdinal, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return { evaluations: await withReason(page), nextPageToken: rows.length > limit && last !== undefined ? encodePageToken(last.ordinal, scope) : '' };
    },

    cancelEvaluation: async ({ name, reason }) => {
      await coordinator.cancel(name, reason);
      return (await withReason([await readEvaluation(database, name)]))[0]!;
    },

    cancelEvaluations: async ({ parent, search, reason }) => ({ cancelled: await coordinator.cancelSearch(parent, search, reason) }),

    deleteEvaluation: async ({ name }) => {
      await coordinator.delete(name);
      return {};
    },

    listObservations: async ({ parent, pageSize, pageToken }) => {
      const scope = { list: 'observations', parent };
      const [attempt, sequence] = decodePageToken(pageToken, scope, z.tuple([z.int(), z.int()])) ?? [0, -1];
      const limit = sizeOf(pageSize);
      const rows = await listObservations(database, { name: parent, after: { attempt, sequence }, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return {
        observations: page.map(({ metric, value, step, time, candidateId, attempt }) => ({ metric, value, step, time, candidateId, attempt })),
        nextPageToken: rows.length > limit && last !== undefined ? encodePageToken([last.attempt, last.sequence], scope) : '',
      };
    },
  };
}

function toEvaluation(row: StoredEvaluation, workers: readonly WorkerAbilities[]): evaluation.Evaluation {
  return {
    name: row.name,
    spec: row.spec === null ? undefined : evaluation.EvaluationSpec.decode(row.spec),
    state: `EVALUATION_STATE_${row.state}`,
    attempt: row.attempt,
    outcome: row.outcome === null ? undefined : evaluation.Outcome.decode(row.outcome),
    createTime: row.create_time,
    startTime: row.start_time ?? undefined,
    endTime: row.end_time ?? undefined,
    worker: row.worker,
    observationCount: row.observations,
    queueStatus: row.state === 'QUEUED' ? queueStatus(row, workers) : undefined,
  };
}

/** Why a queued evaluation waits; undefined when it waits for a worker to be free. */
function queueStatus(row: StoredEvaluation, workers: readonly WorkerAbilities[]): rpc.Status | undefined {
  const why = incapability(workers, row);
  if (why !== undefined) return domainErrorToStatus(noCapableWorker(why));
  return row.last_status === null ? undefined : rpc.Status.decode(row.last_status);
}
