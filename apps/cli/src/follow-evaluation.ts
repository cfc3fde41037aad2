import { setTimeout as sleep } from 'node:timers/promises';
import { evaluation as wire } from '@nat/contracts';
import { DomainError } from '@nat/errors';
import { startProgress } from './progress.ts';
import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** How often a running evaluation is asked for, milliseconds. */
const POLL_MS = 250;

/**
 * Trains children: submits one evaluation, shows their epochs as they come and waits for its end; interrupting cancels it.
 * @throws DomainError with the worker's reason
 */
export async function runEvaluation(terminal: Terminal, session: Session, work: wire.FromScratchEvaluation): Promise<readonly wire.PairValue[]> {
  const { evaluations } = session.clients;
  const spec = wire.EvaluationSpec.create({ kind: { $case: 'fromScratch', value: work }, maxAttempts: 2 });
  const submitted = await evaluations.submitEvaluations(
    { parent: session.parent, evaluations: [{ evaluationId: `cli-${crypto.randomUUID()}`, spec }] },
    { retry: true },
  );
  const name = submitted.names[0]!;
  const children = work.pairs.reduce((sum, { source, result }) => sum + (source === undefined ? 0 : 1) + (result === undefined ? 0 : 1), 0);
  const progress = startProgress(terminal, 'epochs', children * (work.recipe?.epochs ?? 0));
  const cancel = (): void => void evaluations.cancelEvaluation({ name, reason: 'interrupted' }).catch(() => undefined);
  process.once('SIGINT', cancel);
  const epochs = followEpochs(session, name);
  try {
    for (;;) {
      const { outcome } = await evaluations.getEvaluation({ name });
      if (outcome?.result !== undefined) return valuesOf(outcome.result);
      const seen = await epochs();
      if (seen.latest !== undefined) progress.update(seen.count, `validation ${(100 * seen.latest).toFixed(2)} %`);
      await sleep(POLL_MS);
    }
  } finally {
    process.removeListener('SIGINT', cancel);
    progress.stop();
  }
}

/** Counts epochs, each once however many attempts saw it, and gives the latest validation accuracy. */
function followEpochs({ clients: { evaluations } }: Session, name: string): () => Promise<{ readonly count: number; readonly latest: number | undefined }> {
  const seen = new Set<string>();
  let latest: number | undefined;
  let page = '';
  return async () => {
    for (;;) {
      const { observations, nextPageToken } = await evaluations.listObservations({ parent: name, pageSize: 1000, pageToken: page });
      for (const { metric, pairId, step, value } of observations) {
        if (!metric.endsWith('/validationAccuracy')) continue;
        seen.add(JSON.stringify([pairId, metric, step]));
        latest = value;
      }
      if (nextPageToken === '') return { count: seen.size, latest };
      page = nextPageToken;
    }
  };
}

function valuesOf(result: NonNullable<wire.Outcome['result']>): readonly wire.PairValue[] {
  switch (result.$case) {
    case 'succeeded': {
      const failed = result.value.values.find(({ errorMessage }) => errorMessage !== '');
      if (failed !== undefined) throw new DomainError('FAILED_PRECONDITION', failed.errorMessage, { reason: 'PAIR_FAILED' });
      return result.value.values;
    }
    case 'failed':
      throw new DomainError('FAILED_PRECONDITION', result.value.message, { reason: result.value.reason });
    case 'cancelled':
      throw new DomainError('CANCELLED', 'the evaluation was cancelled', { reason: 'EVALUATION_CANCELLED' });
  }
}
