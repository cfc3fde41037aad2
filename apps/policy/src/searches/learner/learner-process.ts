import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DomainError } from '@nat/base/errors';
import type { CountedTrial, SampledTrial, SessionSpec } from '@nat/nat';
import type { Learned, LearnerAnswers, LearnerFailure, LearnerRequest, RequestMessage, ResponseMessage } from './protocol.ts';

const ENTRY = fileURLToPath(new URL('./learner-main.ts', import.meta.url));
const STDERR_KEPT = 4_000;

/** The learner of one search, in a process of its own. Calls are answered one after the other. */
export interface LearnerProcess {
  /** The state it opened with: what the search started from, or the checkpoint given. */
  readonly opened: Uint8Array;
  readonly draw: (step: number) => Promise<readonly SampledTrial[]>;
  /** As `SearchSession.drawHeldOut`. */
  readonly drawHeldOut: (sources: number, start: Uint8Array | undefined) => Promise<readonly SampledTrial[]>;
  /** @param staleness as `SearchSession.learn` */
  readonly learn: (trials: readonly CountedTrial[], staleness: number) => Promise<Learned>;
  /** Kills it; nothing of it is left running when this resolves. */
  readonly close: () => Promise<void>;
}

/** Starts the learner of a search; the port that the runner needs. */
export type StartLearner = (spec: SessionSpec, checkpoint: Uint8Array | undefined) => Promise<LearnerProcess>;

/**
 * Forks a learner and opens it.
 * @throws DomainError what the session refuses; UNAVAILABLE LEARNER_EXITED when the process dies, whatever it was asked
 */
export async function startLearnerProcess(
  spec: SessionSpec,
  checkpoint: Uint8Array | undefined,
  { dataDirectory }: { readonly dataDirectory: string | undefined },
): Promise<LearnerProcess> {
  // None of the parent's flags: a test runner's or a debugger's would be taken along.
  const child = fork(ENTRY, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT);
  });
  const ended = Promise.withResolvers<undefined>();
  let over: DomainError | undefined;
  const end = (how: string): void => {
    over ??= new DomainError('UNAVAILABLE', `the learner process ${how}${stderr.trim() === '' ? '' : `: ${stderr.trim()}`}`, { reason: 'LEARNER_EXITED' });
    for (const { reject } of waiting.values()) reject(over);
    waiting.clear();
    ended.resolve(undefined);
  };
  child.once('exit', (code, signal) => {
    end(signal === null ? `ended with code ${String(code)}` : `was killed by ${signal}`);
  });
  child.once('error', (error) => {
    end(`does not answer: ${error.message}`);
  });
  child.on('message', (message: ResponseMessage) => {
    const caller = waiting.get(message.id);
    waiting.delete(message.id);
    if ('error' in message) caller?.reject(errorOf(message.error));
    else caller?.resolve(message.answer);
  });

  const call = <Kind extends LearnerRequest['kind']>(request: Extract<LearnerRequest, { readonly kind: Kind }>): Promise<LearnerAnswers[Kind]> => {
    if (over !== undefined) return Promise.reject(over);
    const id = (lastId += 1);
    const answer = Promise.withResolvers<unknown>();
    waiting.set(id, answer);
    const message: RequestMessage = { id, request };
    child.send(message, (error) => {
      if (error !== null) end(`does not answer: ${error.message}`);
    });
    return answer.promise as Promise<LearnerAnswers[Kind]>;
  };
  const close = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended.promise;
  };

  try {
    const opened = await call<'open'>({ kind: 'open', spec, checkpoint, dataDirectory });
    return {
      opened,
      draw: (step) => call<'draw'>({ kind: 'draw', step }),
      drawHeldOut: (sources, start) => call<'draw-held-out'>({ kind: 'draw-held-out', sources, start }),
      learn: (trials, staleness) => call<'learn'>({ kind: 'learn', trials, staleness }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function errorOf({ kind, message, reason, violations, metadata, stack }: LearnerFailure): DomainError {
  return new DomainError(kind, message, { reason, violations, metadata, cause: stack });
}
