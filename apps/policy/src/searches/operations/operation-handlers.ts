import { type longrunning as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import {
  decodePageToken,
  encodePageToken,
  type Logger,
  namespaceNames,
  pageSize as sizeOf,
  parseFilter,
  type PlatformClients,
  type ServiceContext,
} from '@nat/service';
import { openNotifier, type Database } from '@nat/storage';
import { z } from 'zod';
import type { SearchTables } from '../store/tables.ts';
import { endOperation, findOperation, listOperations, OPERATION_CHANNEL, operationToWire, type OperationRow } from './operation-store.ts';

export interface OperationHandlersOptions {
  readonly database: Database<SearchTables>;
  readonly evaluations: PlatformClients['evaluations'];
  readonly logger: Logger;
  /** @default 1 s */
  readonly pollMs?: number;
}

/** A wait without a timeout ends after this long; the client waits again. */
const LONGEST_WAIT_MS = 60_000;

/** google.longrunning.Operations over what is stored. */
export function createOperationHandlers({
  database,
  evaluations,
  logger,
  pollMs = 1_000,
}: OperationHandlersOptions): wire.OperationsServiceImplementation<ServiceContext> {
  return {
    getOperation: async ({ name }) => operationToWire(database.kysely, await findOperation(database.kysely, name)),

    listOperations: async ({ name, filter, pageSize, pageToken }) => {
      const { namespace } = namespaceNames.parse(name.replace(/\/operations$/, ''));
      const wanted = parseFilter(filter, (field) => field === 'done', 'done').find(({ field }) => field === 'done')?.value;
      if (wanted !== undefined && wanted !== 'true' && wanted !== 'false') throw DomainError.invalid('filter', 'done is true or false', 'INVALID_FILTER');
      const scope = { list: 'operations', namespace, filter };
      const limit = sizeOf(pageSize);
      const rows = await listOperations(database.kysely, {
        namespace,
        done: wanted === undefined ? undefined : wanted === 'true',
        before: decodePageToken(pageToken, scope, z.int()),
        limit: limit + 1,
      });
      const page = rows.slice(0, limit);
      return {
        operations: await Promise.all(page.map((row) => operationToWire(database.kysely, row))),
        nextPageToken: rows.length > limit ? encodePageToken(page.at(-1)!.ordinal, scope) : '',
        unreachable: [],
      };
    },

    waitOperation: async ({ name, timeout }, { signal, draining }) => {
      const timeoutMs = timeout === undefined ? LONGEST_WAIT_MS : Math.min(LONGEST_WAIT_MS, timeout.seconds * 1_000 + timeout.nanos / 1e6);
      const until = performance.now() + timeoutMs;
      const ended = AbortSignal.any([signal, draining]);
      const changes = await openNotifier(database, OPERATION_CHANNEL);
      const changed = changes.waiter();
      try {
        for (;;) {
          changed.reset();
          const row = await findOperation(database.kysely, name);
          const left = until - performance.now();
          if (row.done || left <= 0 || ended.aborted) return await operationToWire(database.kysely, row);
          await changed.wait(Math.min(pollMs, left), ended);
        }
      } finally {
        await changes.close();
      }
    },

    cancelOperation: async ({ name }) => {
      const row = await findOperation(database.kysely, name);
      const cancelled = await database.transaction((tx) => endOperation(tx, row.ordinal, { error: new DomainError('CANCELLED', 'cancelled') }));
      if (!cancelled) return {};
      database.signal(OPERATION_CHANNEL);
      await cancelEvaluations(row);
      return {};
    },

    deleteOperation: async ({ name }) => {
      const row = await findOperation(database.kysely, name);
      if (!row.done) throw new DomainError('FAILED_PRECONDITION', 'an operation that runs is cancelled before it is deleted', { reason: 'OPERATION_RUNS' });
      await database.kysely.deleteFrom('policy.operation').where('ordinal', '=', row.ordinal).execute();
      return {};
    },
  };

  /** Saves the workers' time; the operation has ended whether they hear it or not. */
  async function cancelEvaluations(row: OperationRow): Promise<void> {
    const pending = await database.kysely
      .selectFrom('policy.evaluation as evaluation')
      .innerJoin('policy.round as round', 'round.ordinal', 'evaluation.round')
      .select('evaluation.name')
      .where('round.operation', '=', row.ordinal)
      .where('evaluation.state', '=', 'PENDING')
      .execute();
    for (const { name } of pending) {
      await evaluations.cancelEvaluation({ name, reason: 'OPERATION_CANCELLED' }).catch((error: unknown) => {
        logger.warn({ err: error, evaluation: name }, 'an evaluation of a cancelled operation goes on');
      });
    }
  }
}
