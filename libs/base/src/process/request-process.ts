import { DomainError } from '../errors/index.ts';
import { decodeError, type EventOf, type Protocol, type RequestMessage, type RequestOf, type ResponseMessage, type ResponseOf } from './protocol.ts';
import { describeEnd, spawnProcess, type ProcessEnd, type ProcessOptions } from './start-process.ts';

export interface RequestProcessOptions extends Pick<ProcessOptions, 'args' | 'cwd' | 'env'> {
  /** Names it in messages: `the learner process ended with code 1`. */
  readonly name: string;
  /** Reason of the error that is thrown when it ends. @default 'PROCESS_ENDED' */
  readonly endReason?: string;
}

export interface RequestOptions<Event> {
  /** Kills the process when it aborts before the response: what computes does not listen. */
  readonly signal?: AbortSignal | undefined;
  /** Kills the process when the response takes longer, milliseconds. */
  readonly deadlineMs?: number | undefined;
  readonly onEvent?: (event: Event) => void;
}

/** A process that answers requests, one after the other, as `serveParent` does in it. */
export interface RequestProcess<P extends Protocol<P>> {
  readonly pid: number | undefined;
  readonly ended: Promise<ProcessEnd>;
  /**
   * @throws DomainError what the process throws; UNAVAILABLE with the reason `endReason` when it ends, whatever it was asked; CANCELLED `STOPPED` when the
   * signal aborts; DEADLINE_EXCEEDED
   */
  request<Kind extends keyof P & string>(kind: Kind, request: RequestOf<P, Kind>, options?: RequestOptions<EventOf<P, Kind>>): Promise<ResponseOf<P, Kind>>;
  /** Kills it. @param error what open requests are rejected with. @default that it was killed */
  kill(error?: DomainError): void;
  /** Kills it; nothing of it is left running when this resolves. */
  close(): Promise<void>;
}

interface OpenRequest {
  readonly settle: (message: ResponseMessage) => void;
  readonly fail: (error: DomainError) => void;
}

/** Starts a module in a Node of its own, which ends with this process. It calls `serveParent`. */
export function startRequestProcess<P extends Protocol<P>>(
  module: URL,
  { name, endReason = 'PROCESS_ENDED', ...options }: RequestProcessOptions,
): RequestProcess<P> {
  const running = spawnProcess(module, { ...options, channel: true });
  const { child } = running;
  const open = new Map<number, OpenRequest>();
  let lastId = 0;
  let over: DomainError | undefined;

  const end = (error: DomainError): void => {
    over ??= error;
    for (const { fail } of open.values()) fail(over);
    open.clear();
  };
  const ended = running.ended.then((how) => {
    const why = running.stderr();
    end(new DomainError('UNAVAILABLE', `the ${name} process ${describeEnd(how)}${why === '' ? '' : `: ${why}`}`, { reason: endReason }));
    return how;
  });
  const kill = (error?: DomainError): void => {
    if (error !== undefined) end(error);
    running.kill();
  };
  child.on('message', (message: ResponseMessage) => {
    open.get(message.id)?.settle(message);
  });

  return {
    pid: running.pid,
    ended,
    kill,
    close: async () => {
      kill();
      await ended;
    },
    request: (kind, request, { signal, deadlineMs, onEvent } = {}) =>
      new Promise((resolve, reject) => {
        const stopped = (): DomainError => new DomainError('CANCELLED', `the ${name} process was stopped`, { reason: 'STOPPED', cause: signal?.reason });
        if (over !== undefined || signal?.aborted === true) {
          reject(over ?? stopped());
          return;
        }
        const id = (lastId += 1);
        const onAbort = (): void => {
          kill(stopped());
        };
        const timer =
          deadlineMs === undefined
            ? undefined
            : setTimeout(() => {
                kill(new DomainError('DEADLINE_EXCEEDED', `the ${name} process took more than ${String(deadlineMs)} ms`));
              }, deadlineMs);
        const leave = (): void => {
          open.delete(id);
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
        };
        const fail = (error: DomainError): void => {
          leave();
          reject(error);
        };
        const settle = (message: ResponseMessage): void => {
          if ('event' in message) {
            onEvent?.(message.event as EventOf<P, typeof kind>);
            return;
          }
          leave();
          if ('error' in message) reject(decodeError(message.error));
          else resolve(message.response);
        };
        open.set(id, { settle, fail });
        signal?.addEventListener('abort', onAbort, { once: true });
        const message: RequestMessage = { id, kind, request };
        child.send(message, (error) => {
          if (error !== null)
            kill(new DomainError('UNAVAILABLE', `the ${name} process does not answer: ${error.message}`, { reason: endReason, cause: error }));
        });
      }),
  };
}
