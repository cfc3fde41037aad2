import { randomUUID } from 'node:crypto';
import type { OpenSpan, Trace } from '@nat/base/tracing';
import type { Caller } from '../security/caller.ts';
import type { MethodAccess } from '../security/method-access.ts';

/** What is known of a call from its first byte to its last: shared by the interceptor, which sees all calls, and the middleware, which sees messages. */
export interface CallRecord {
  /** `/service/Method`. */
  readonly path: string;
  /** The address that the connection comes from. */
  readonly peer: string;
  readonly requestId: string;
  readonly trace: Trace;
  /** Runs work under the call's span; undefined where it has none. */
  readonly activate: OpenSpan['activate'] | undefined;
  /** As of `performance.now()`. */
  readonly startedAt: number;
  /** Absent where nobody is asked who they are. */
  caller?: Caller;
  access?: MethodAccess;
  /** Resource names in the request. */
  resources?: readonly string[];
  /** The reason of the error that ended it. */
  reason?: string;
}

/** Names a call from the interceptor to the middleware, in the metadata that lies between them; what a caller sends under it is overwritten. */
export const CALL_KEY = 'x-nat-call';

/** The calls that are open now. */
export class OpenCalls {
  readonly #records = new Map<string, CallRecord>();

  /** Keeps a record; gives what `find` knows it by. */
  open(record: CallRecord): string {
    const key = randomUUID();
    this.#records.set(key, record);
    return key;
  }

  find(key: string | undefined): CallRecord {
    const record = this.#records.get(key ?? '');
    if (record === undefined) throw new Error('a call that did not come through the interceptor');
    return record;
  }

  close(key: string): void {
    this.#records.delete(key);
  }
}
