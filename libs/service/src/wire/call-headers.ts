import { randomUUID } from 'node:crypto';

export const REQUEST_ID_KEY = 'x-request-id';
export const TRACEPARENT_KEY = 'traceparent';

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

/** The id as sent when it is 1 to 128 visible ASCII characters, else a new UUID. */
export function acceptRequestId(header: string | undefined): string {
  return header !== undefined && REQUEST_ID.test(header) ? header : randomUUID();
}
