/** Gets the evaluations of a round done: asks for them, waits for what comes in, and asks after what does not. */
import { evaluation as wire } from '@nat/contracts';
import { isDomainError } from '@nat/base/errors';
import type { Logger, PlatformClients } from '@nat/service';
import { inTransaction, type Database } from '@nat/storage';
import type { Notifier } from '@nat/base/notify';
import { retry } from '@nat/base/retry';
import type { PlannedEvaluation } from './evaluation-requests.ts';
import { giveUp, receiveOutcomes } from './inbox.ts';
import { readEvaluations, type StoredEvaluation } from '../store/round-store.ts';
import type { SearchTables } from '../store/tables.ts';

export interface EvaluateContext {
  readonly database: Database<SearchTables>;
  readonly evaluations: PlatformClients['evaluations'];
  /** Notified when outcomes came in. */
  readonly outcomes: Notifier;
  readonly logger: Logger;
  readonly sweepMs: number;
  readonly retryMs: number;
}

export interface EvaluateOptions {
  /** namespaces/* */
  readonly parent: string;
  readonly round: number;
  /** Which of the round's evaluations. */
  readonly which: (evaluation: PlannedEvaluation) => boolean;
  readonly specOf: (evaluation: StoredEvaluation) => wire.EvaluationSpec;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** Bytes of one request; servers take 4 MiB by default. */
const MAX_REQUEST_BYTES = 3_000_000;
const MAX_ENTRIES = 1_024;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Returns the evaluations once none is pending. Asking again is harmless: their ids are those of the round, so a process that takes a round over
 * begins by asking for all that has not ended.
 *
 * @throws DomainError what the evaluator refuses for good; the signal's reason when it aborts
 */
export async function evaluateRound(context: EvaluateContext, options: EvaluateOptions): Promise<readonly StoredEvaluation[]> {
  const { database, logger, sweepMs } = context;
  const outcomes = context.outcomes.waiter();
  const { round, which, deadlineMs, signal } = options;
  const read = async (): Promise<readonly StoredEvaluation[]> => (await readEvaluations(database.kysely, round)).filter(which);
  let asked = false;
  let lastLook = performance.now();
  for (;;) {
    signal.throwIfAborted();
    outcomes.reset(); // before the look: what commits after it is notified again
    const all = await read();
    const pending = all.filter(({ state }) => state === 'PENDING');
    if (pending.length === 0) return all;
    if (!asked) {
      await submit(context, options, pending);
      asked = true;
      lastLook = performance.now();
      continue;
    }
    if (performance.now() - lastLook >= sweepMs) {
      await sweep(context, options, pending);
      lastLook = performance.now();
      const overdue = pending.filter(({ ageMs }) => ageMs > deadlineMs);
      if (overdue.length > 0) {
        logger.warn({ round, overdue: overdue.map(({ name }) => name) }, 'evaluations did not end in time and are given up');
        await abandon(context, overdue.map(({ name }) => name), 'OVERDUE', signal); // prettier-ignore
      }
      continue;
    }
    await outcomes.wait(sweepMs, signal);
  }
}

/** Gives evaluations up, and lets the evaluator know that nobody waits for them. */
export async function abandon(context: EvaluateContext, names: readonly string[], reason: string, signal: AbortSignal): Promise<void> {
  for (const name of names) {
    await withRetry(context, signal, () => context.evaluations.cancelEvaluation({ name, reason }, { signal })).catch((error: unknown) => {
      // One that was never asked for.
      if (!isDomainError(error) || error.kind !== 'NOT_FOUND') throw error;
    });
  }
  await giveUp(context.database, names, reason);
}

async function submit(context: EvaluateContext, { parent, specOf, signal }: EvaluateOptions, pending: readonly StoredEvaluation[]): Promise<void> {
  let entries: { evaluationId: string; spec: wire.EvaluationSpec }[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (entries.length === 0) return;
    const request = { parent, evaluations: entries };
    entries = [];
    bytes = 0;
    // Idempotent by the ids of the evaluations, so it may be repeated.
    await withRetry(context, signal, () => context.evaluations.submitEvaluations(request, { signal, retry: true }));
  };
  for (const planned of pending) {
    const spec = specOf(planned);
    const size = wire.EvaluationSpec.encode(spec).finish().length;
    if (bytes + size > MAX_REQUEST_BYTES || entries.length === MAX_ENTRIES) await flush();
    entries.push({ evaluationId: planned.name.slice(planned.name.lastIndexOf('/') + 1), spec });
    bytes += size;
  }
  await flush();
}

/** Takes in what ended without our hearing of it, and asks again for what the evaluator does not know. */
async function sweep(context: EvaluateContext, options: EvaluateOptions, pending: readonly StoredEvaluation[]): Promise<void> {
  const { parent, signal } = options;
  const known = new Set<string>();
  for (let start = 0; start < pending.length; start += MAX_ENTRIES) {
    const names = pending.slice(start, start + MAX_ENTRIES).map(({ name }) => name);
    const { evaluations } = await withRetry(context, signal, () => context.evaluations.batchGetEvaluations({ parent, names }, { signal }));
    for (const { name } of evaluations) known.add(name);
    const received = await receiveOutcomes(context.database, evaluations);
    if (received > 0) context.logger.info({ received }, 'outcomes were found by asking');
  }
  const lost = pending.filter(({ name }) => !known.has(name));
  if (lost.length > 0) await submit(context, options, lost);
}

/** Repeats a call until it is answered, however long the other service is away: all of them may be repeated. */
function withRetry<T>({ logger, retryMs }: EvaluateContext, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  if (inTransaction()) throw new Error('the evaluator must not be called inside a transaction');
  const policy = { initialIntervalMs: retryMs, maximumIntervalMs: LONGEST_PAUSE_MS };
  return retry(policy, call, {
    signal,
    random: Math.random,
    onRetry: ({ error, pauseMs }) => {
      logger.warn({ err: error, pauseMs }, 'the evaluator does not answer');
    },
  });
}
