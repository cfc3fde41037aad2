/**
 * `request_id`: a call that comes again gets the response of the first. The answer is stored in the transaction that
 * does the work, so both happen or neither. Storage is given as functions; the table is the app's.
 */
import { DomainError } from '@nat/base/errors';
import type { MessageCodec } from '../wire/message-codec.ts';
import { shortHash } from './stable-json.ts';

/** A row of the requests table. `response` is null while the transaction that claimed it runs. */
export interface StoredRequest {
  readonly fingerprint: string;
  readonly response: Uint8Array | null;
}

/** The requests table within one transaction. */
export interface RequestStore {
  /**
   * Inserts the key if it is absent (`on conflict do nothing`); true when this transaction inserted it. Must wait for
   * another open transaction that holds the same key, as a unique index does.
   */
  readonly claim: (key: string, fingerprint: string) => Promise<boolean>;
  readonly find: (key: string) => Promise<StoredRequest | undefined>;
  readonly complete: (key: string, response: Uint8Array) => Promise<void>;
}

const REQUEST_ID = /^[\x21-\x7e]{1,64}$/;

export interface RequestOnceOptions<Request, Response> {
  /** Empty: nothing is stored, the work is just done. */
  readonly requestId: string;
  /** Method and parent: the same id elsewhere is another request. */
  readonly scope: string;
  readonly request: Request;
  readonly requestType: Pick<MessageCodec<Request>, 'toJSON'>;
  readonly responseType: Pick<MessageCodec<Response>, 'encode' | 'decode'>;
  readonly store: RequestStore;
}

/**
 * Does `work` unless the same request was answered before. Call it inside the transaction of `store`, and let its
 * errors roll that back. The same id with another payload is ALREADY_EXISTS with reason REQUEST_ID_REUSED.
 */
export async function requestOnce<Request, Response>(options: RequestOnceOptions<Request, Response>, work: () => Promise<Response>): Promise<Response> {
  const { requestId, scope, request, requestType, responseType, store } = options;
  if (requestId === '') return await work();
  if (!REQUEST_ID.test(requestId)) throw DomainError.invalid('request_id', 'must be 1 to 64 visible ASCII characters');
  const key = `${scope}:${requestId}`;
  // Of the JSON form with sorted keys: a map's order on the wire may differ between attempts.
  const fingerprint = shortHash(requestType.toJSON(request));
  if (await store.claim(key, fingerprint)) {
    const response = await work();
    await store.complete(key, responseType.encode(response).finish());
    return response;
  }
  const stored = await store.find(key);
  if (stored === undefined || stored.response === null) {
    throw new DomainError('ABORTED', `request ${requestId} is still being answered`, { reason: 'REQUEST_IN_PROGRESS' });
  }
  if (stored.fingerprint !== fingerprint) {
    throw new DomainError('ALREADY_EXISTS', `request_id ${requestId} was used for another request`, { reason: 'REQUEST_ID_REUSED' });
  }
  return responseType.decode(stored.response);
}
