/** What the owner of a search does: runs it, tries again after errors that may pass, and ends it after those that do not. */
import { setTimeout as pause } from 'node:timers/promises';
import { rpc } from '@nat/contracts';
import { isDomainError, isTransient, toDomainError, type DomainError } from '@nat/base/errors';
import { Backoff } from '@nat/base/retry';
import { domainErrorToStatus } from '@nat/service';
import { searchNames } from '../names.ts';
import { changeState, SEARCH_CHANNEL } from '../store/search-store.ts';
import type { SearchRow } from '../store/tables.ts';
import type { Ownership } from '../ownership/ownership.ts';
import { runSearch } from './run-search.ts';
import { requireOwnership, type RunContext } from './run.ts';

const LONGEST_PAUSE_MS = 60_000;

/** Whether another try may mend it. A bug may be one of the process that dies of it, such as the learner. */
function isWorthAnotherTry(failure: DomainError): boolean {
  return failure.kind === 'INTERNAL' || isTransient(failure);
}

/** Runs an owned search until it has ended, was paused or cancelled, is another's, or the signal aborts. */
export async function workOnSearch(context: RunContext, ownership: Ownership, signal: AbortSignal): Promise<void> {
  const { config, database } = context;
  const read = (): Promise<SearchRow> =>
    database.kysely.selectFrom('policy.search').selectAll().where('ordinal', '=', ownership.ordinal).executeTakeFirstOrThrow();
  let row = await read();
  const logger = context.logger.child({ search: row.search_id });
  const backoff = new Backoff(
    { initialIntervalMs: config.retryMs, maximumIntervalMs: LONGEST_PAUSE_MS, maximumAttempts: config.maxTries },
    { random: Math.random },
  );
  for (;;) {
    const before = row.step;
    try {
      await runSearch({ ...context, logger }, { row, epoch: ownership.epoch }, signal);
      logger.info('search succeeded');
      return;
    } catch (error) {
      if (signal.aborted || (isDomainError(error) && error.reason === 'SEARCH_NOT_OWNED')) return;
      row = await read();
      if (row.step > before) backoff.reset();
      const failure = isDomainError(error) ? error : toDomainError(error);
      const pauseMs = isWorthAnotherTry(failure) ? backoff.fail() : undefined;
      if (pauseMs === undefined) {
        logger.error({ err: error }, 'search failed');
        await fail({ ...context, logger }, row, ownership.epoch, failure);
        return;
      }
      logger.warn({ err: error, tries: backoff.failures, pauseMs }, 'the search is tried again');
      await pause(pauseMs, undefined, { signal, ref: false });
    }
  }
}

async function fail({ database, evaluations, logger }: RunContext, row: SearchRow, epoch: number, failure: DomainError): Promise<void> {
  await database.transaction(async (tx) => {
    await requireOwnership(tx, { row, epoch }, row.step);
    await changeState(tx, row.ordinal, { state: 'FAILED', error: rpc.Status.encode(domainErrorToStatus(failure)).finish() });
  });
  database.signal(SEARCH_CHANNEL);
  // What is still being evaluated for it is wasted, and does no other harm.
  const search = searchNames.format({ namespace: row.namespace, search: row.search_id });
  await evaluations.cancelEvaluations({ parent: `namespaces/${row.namespace}`, search, reason: 'SEARCH_FAILED' }).catch((error: unknown) => {
    logger.warn({ err: error }, 'the evaluations of a failed search go on');
  });
}
