import { Worker } from 'node:worker_threads';
import { DomainError } from '../errors/index.ts';
import { encodeError, type EventOf, type Protocol, type RequestMessage, type RequestOf, type ResponseMessage, type ResponseOf } from './protocol.ts';

export interface HandlerContext<Event> {
  /** Says something before the response. */
  readonly event: (event: Event) => void;
  /** Does work after the response is sent and before the next request; what it throws is dropped. */
  readonly afterwards: (work: () => Promise<unknown>) => void;
}

export type Handlers<P extends Protocol<P>> = {
  readonly [Kind in keyof P]: (request: RequestOf<P, Kind>, context: HandlerContext<EventOf<P, Kind>>) => Promise<ResponseOf<P, Kind>>;
};

/**
 * Answers the requests of the process that started this one with `startRequestProcess`, one after the other. This process ends with its parent, also while
 * it computes; signals are the parent's to handle, for Ctrl-C reaches the whole process group.
 */
export function serveParent<P extends Protocol<P>>(handlers: Handlers<P>): void {
  endWithParent();
  const byKind = new Map<string, Handlers<P>[keyof P]>(Object.entries(handlers));
  const send = (message: ResponseMessage): void => {
    process.send?.(message);
  };
  const answer = async ({ id, kind, request }: RequestMessage): Promise<void> => {
    const afterwards: (() => Promise<unknown>)[] = [];
    try {
      const handler = byKind.get(kind);
      if (handler === undefined) throw new DomainError('UNIMPLEMENTED', `this process does not answer ${kind}`, { reason: 'UNKNOWN_REQUEST' });
      const context = {
        event: (event: unknown) => {
          send({ id, event });
        },
        afterwards: (work: () => Promise<unknown>) => void afterwards.push(work),
      };
      send({ id, response: await handler(request, context) });
    } catch (error) {
      send({ id, error: encodeError(error) });
    }
    for (const work of afterwards) await work().catch(() => undefined);
  };
  let last = Promise.resolve();
  process.on('message', (message: RequestMessage) => {
    last = last.then(() => answer(message));
  });
}

/** A thread of its own looks after the parent: the main thread may compute for minutes without hearing that the channel closed. */
const WATCH_PARENT = `
  const { workerData: parent } = require('node:worker_threads');
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
  }, 500);
`;

function endWithParent(): void {
  process.on('disconnect', () => process.exit(0));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  // Read here: by the time that the thread runs, the parent may be gone.
  new Worker(WATCH_PARENT, {
    eval: true,
    workerData: process.ppid,
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 2 },
  }).unref();
}
