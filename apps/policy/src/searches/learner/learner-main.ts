/**
 * The process that learns one search. TensorFlow blocks the thread it computes on, and its thread count cannot change once
 * it is loaded, so every search has a process of its own; it ends with its parent.
 */
import { loadNasBench201 } from '@nat/datasets';
import { DomainError, isDomainError, toDomainError } from '@nat/base/errors';
import { SearchSession } from '@nat/nat';
import type { LearnerAnswers, LearnerRequest, RequestMessage, ResponseMessage } from './protocol.ts';

let session: SearchSession | undefined;

async function answer(request: LearnerRequest): Promise<LearnerAnswers[LearnerRequest['kind']]> {
  if (request.kind === 'open') {
    const { spec, checkpoint, dataDirectory } = request;
    session = new SearchSession(spec, { ...(checkpoint === undefined ? {} : { checkpoint }), loadTable: () => loadNasBench201(dataDirectory) });
    return session.serialize();
  }
  if (session === undefined) throw new DomainError('INTERNAL', 'the learner was not opened', { reason: 'LEARNER_NOT_OPEN' });
  if (request.kind === 'draw') return session.sample(request.step);
  if (request.kind === 'draw-held-out') return session.sampleHeldOut(request.sources, request.start);
  const stats = await session.learn(request.trials, request.staleness);
  return { stats, checkpoint: session.serialize() };
}

async function respond({ id, request }: RequestMessage): Promise<void> {
  let response: ResponseMessage;
  try {
    response = { id, answer: await answer(request) };
  } catch (error) {
    const { kind, message, reason, violations, metadata } = toDomainError(error);
    // What is not a domain error is a bug: its own words help whoever reads the log.
    const words = isDomainError(error) || !(error instanceof Error) ? message : `${message}: ${error.message}`;
    response = { id, error: { kind, message: words, reason, violations, metadata, stack: error instanceof Error ? error.stack : undefined } };
  }
  process.send?.(response);
  // TensorFlow takes seconds to load: while the first round is being evaluated nobody waits for it.
  if (request.kind === 'draw' && 'answer' in response) await session?.warmUp().catch(() => undefined);
}

let turn = Promise.resolve();
process.on('message', (message: RequestMessage) => {
  turn = turn.then(() => respond(message));
});
process.on('disconnect', () => {
  process.exit(0);
});
// Ctrl-C reaches the whole process group; the parent decides when this process ends.
process.on('SIGINT', () => undefined);
