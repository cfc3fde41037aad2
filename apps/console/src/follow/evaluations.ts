import { setTimeout as sleep } from 'node:timers/promises';
import { evaluation as wire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { onInterrupt, statusToDomainError } from '@nat/service';
import { startProgress } from '../terminal/progress.ts';
import type { Session } from '@nat/platform/session';
import type { Terminal } from '../terminal/terminal.ts';

/** How often running evaluations are asked for, milliseconds. */
const POLL_MS = 250;
/** Leases before one is given up: training goes on from its last checkpoint, so workers may be lost now and then. */
const MAX_ATTEMPTS = 20;

/** Children to train, and the checkpoint that they go on from. */
export interface Training {
  /** The evaluation's name. One that is known already is followed instead of trained again, and goes on without this command when it is interrupted. @default a new one */
  readonly id?: string | undefined;
  readonly work: wire.FromScratchEvaluation;
  readonly resumeFrom?: string | undefined;
}

/**
 * Trains children: submits evaluations, shows their epochs as they come and waits for their end; interrupting cancels those without an id. A candidate that could
 * not be evaluated says so itself.
 * @returns the results of each, in order
 * @throws DomainError with the worker's reason
 */
export async function runEvaluations(
  terminal: Terminal,
  session: Session,
  trainings: readonly Training[],
): Promise<readonly (readonly wire.CandidateResult[])[]> {
  const { evaluations } = session.clients;
  const entries = trainings.map(({ id = `cli-${crypto.randomUUID()}`, work, resumeFrom }) => ({
    evaluationId: id,
    spec: wire.EvaluationSpec.create({ kind: { $case: 'fromScratch', value: work }, resumeFrom, maxAttempts: MAX_ATTEMPTS }),
  }));
  let names: string[] = [];
  const cancel = (): void => {
    for (const [i, name] of names.entries()) {
      if (trainings[i]?.id === undefined) void evaluations.cancelEvaluation({ name, reason: 'interrupted' }).catch(() => undefined);
    }
  };
  const interrupted = new AbortController();
  // Before anything is submitted or said: whoever reads that it runs may interrupt it.
  using _interrupt = onInterrupt(() => {
    cancel();
    interrupted.abort();
  });
  ({ names } = await evaluations.submitEvaluations({ parent: session.parent, evaluations: entries }, { retry: true }));
  if (interrupted.signal.aborted) cancel();
  for (const { id } of trainings) if (id !== undefined) terminal.err(`evaluation ${id}`);
  const progress = startProgress(
    terminal,
    'epochs',
    trainings.map(({ work }) => epochsOf(work)).reduce((a, b) => a + b, 0),
  );
  const followed = names.map((name) => followEpochs(session, name));
  try {
    for (;;) {
      const current = await evaluations.batchGetEvaluations({ parent: session.parent, names });
      const outcomes = current.evaluations.map(({ outcome }) => outcome?.result);
      const lost = outcomes.find((result) => result !== undefined && result.$case !== 'succeeded');
      if (lost !== undefined) {
        cancel();
        throw failureOf(lost);
      }
      const results = outcomes.flatMap((result) => (result?.$case === 'succeeded' ? [result.value.results] : []));
      if (results.length === names.length) return results;
      if (interrupted.signal.aborted && trainings.some(({ id }) => id !== undefined)) throw interruption();
      const seen = await Promise.all(followed.map((look) => look()));
      const latest = seen.findLast(({ accuracy }) => accuracy !== undefined)?.accuracy;
      if (latest !== undefined)
        progress.update(
          seen.reduce((sum, { count }) => sum + count, 0),
          `validation ${(100 * latest).toFixed(2)} %`,
        );
      await sleep(POLL_MS);
    }
  } finally {
    progress.stop();
  }
}

/** As `runEvaluations`, for one whose candidates must all succeed: their reports, in order. */
export async function runEvaluation(
  terminal: Terminal,
  session: Session,
  work: wire.FromScratchEvaluation,
  id?: string,
): Promise<readonly wire.TrainingReport[]> {
  const [results = []] = await runEvaluations(terminal, session, [{ id, work }]);
  return results.map((result) => {
    valueOf(result);
    if (result.report === undefined) throw new DomainError('INTERNAL', 'the worker answered without a report', { reason: 'NO_REPORT' });
    return result.report;
  });
}

/** The value of a candidate. @throws DomainError FAILED_PRECONDITION CANDIDATE_FAILED with the worker's reason */
export function valueOf(candidate: wire.CandidateResult | undefined): number {
  if (candidate?.result?.$case === 'value') return candidate.result.value;
  throw new DomainError('FAILED_PRECONDITION', failureText(candidate), { reason: 'CANDIDATE_FAILED' });
}

/** Why a candidate has no value: `REASON: message`. */
export function failureText(candidate: wire.CandidateResult | undefined): string {
  if (candidate?.result?.$case !== 'error') return 'the worker gave no value';
  const { reason, message } = statusToDomainError(candidate.result.value);
  return `${reason}: ${message}`;
}

function interruption(): DomainError {
  return new DomainError('CANCELLED', 'interrupted', {
    reason: 'INTERRUPTED',
    metadata: { hint: 'The same command, with the same --id, goes on with it. A platform that serves trains on meanwhile.' },
  });
}

/** Epochs of all children together, as far as they are known before. */
function epochsOf({ candidates, recipe }: wire.FromScratchEvaluation): number {
  return candidates.length * (recipe?.stopAfterEpochs ?? recipe?.epochs ?? 0);
}

/** Counts epochs, each once however many attempts saw it, and gives the latest validation accuracy. */
function followEpochs({ clients: { evaluations } }: Session, name: string): () => Promise<{ readonly count: number; readonly accuracy: number | undefined }> {
  const seen = new Set<string>();
  let accuracy: number | undefined;
  let page = '';
  return async () => {
    for (;;) {
      const { observations, nextPageToken } = await evaluations.listObservations({ parent: name, pageSize: 1000, pageToken: page });
      for (const { metric, candidateId, step, value } of observations) {
        if (metric !== 'validationAccuracy') continue;
        seen.add(JSON.stringify([candidateId, step]));
        accuracy = value;
      }
      if (nextPageToken === '') return { count: seen.size, accuracy };
      page = nextPageToken;
    }
  };
}

/** Why an evaluation failed, with the worker's reason. */
export function evaluationFailure({ error }: wire.Failed): DomainError {
  const { message, reason } = error === undefined ? { message: 'the evaluation failed', reason: 'EVALUATION_FAILED' } : statusToDomainError(error);
  return new DomainError('FAILED_PRECONDITION', message, { reason });
}

function failureOf(result: Exclude<NonNullable<wire.Outcome['result']>, { $case: 'succeeded' }>): DomainError {
  switch (result.$case) {
    case 'failed':
      return evaluationFailure(result.value);
    case 'cancelled':
      return new DomainError('CANCELLED', 'the evaluation was cancelled', { reason: 'EVALUATION_CANCELLED' });
  }
}
