/**
 * Domain errors on the wire: a `google.rpc.Status` in the trailer `grpc-status-details-bin`, with `ErrorInfo` (reason,
 * domain, metadata) and, where fields are bad, `BadRequest`. The reverse turns what a client gets into a `DomainError`.
 */
import { rpc } from '@nat/contracts';
import { DomainError, type FieldViolation } from '@nat/base/errors';
import type { ClientError, Metadata, Status } from 'nice-grpc-common';
import { STATUS_OF_KIND, kindOfStatus } from './status.ts';

export const STATUS_DETAILS_KEY = 'grpc-status-details-bin';
export const ERROR_DOMAIN = 'nat';

const ERROR_INFO_URL = 'type.googleapis.com/google.rpc.ErrorInfo';
const BAD_REQUEST_URL = 'type.googleapis.com/google.rpc.BadRequest';

/**
 * Trailers must stay small: clients on gRPC's C core (Python, C++, Ruby) refuse about 8 KiB of metadata at random and 16
 * KiB always, and then see RESOURCE_EXHAUSTED instead of the error. Bytes before base64.
 */
const MAX_DETAILS_BYTES = 4096;
const MAX_MESSAGE_CHARACTERS = 1000;
const MAX_TEXT_CHARACTERS = 400;

/** The text, or its beginning and an ellipsis, never more than `limit` UTF-16 units and never half a character. */
function clip(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** As many violations as fit; the last one then says how many were left out. */
function badRequestWithin(violations: readonly FieldViolation[], budget: number): rpc.BadRequest {
  const kept: rpc.BadRequest_FieldViolation[] = [];
  let used = 0;
  for (const { field, description } of violations) {
    const next = rpc.BadRequest_FieldViolation.create({ field: clip(field, MAX_TEXT_CHARACTERS), description: clip(description, MAX_TEXT_CHARACTERS) });
    used += rpc.BadRequest_FieldViolation.encode(next).finish().length + 4;
    if (used > budget && kept.length > 0) {
      kept.push(rpc.BadRequest_FieldViolation.create({ field: '', description: `and ${String(violations.length - kept.length)} more` }));
      break;
    }
    kept.push(next);
  }
  return rpc.BadRequest.create({ fieldViolations: kept });
}

/** What goes into the call's status and trailer. */
export interface WireError {
  readonly code: Status;
  readonly message: string;
  readonly details: Uint8Array;
}

/** An error as a message: the status of a call, or of one of the many things that a call asked for. */
export function domainErrorToStatus(error: DomainError): rpc.Status {
  const code = STATUS_OF_KIND[error.kind];
  const message = clip(error.message, MAX_MESSAGE_CHARACTERS);
  const metadata = Object.fromEntries(
    Object.entries(error.metadata)
      .slice(0, 16)
      .map(([key, value]) => [key, clip(value, MAX_TEXT_CHARACTERS / 4)]),
  );
  const info = rpc.ErrorInfo.encode(rpc.ErrorInfo.create({ reason: error.reason, domain: ERROR_DOMAIN, metadata })).finish();
  const details = [{ typeUrl: ERROR_INFO_URL, value: info }];
  if (error.violations.length > 0) {
    const budget = MAX_DETAILS_BYTES - info.length - Buffer.byteLength(message);
    details.push({ typeUrl: BAD_REQUEST_URL, value: rpc.BadRequest.encode(badRequestWithin(error.violations, budget)).finish() });
  }
  return rpc.Status.create({ code, message, details });
}

export function encodeDomainError(error: DomainError): WireError {
  const status = domainErrorToStatus(error);
  return { code: STATUS_OF_KIND[error.kind], message: status.message, details: rpc.Status.encode(status).finish() };
}

function readDetails(trailer: Metadata | undefined): rpc.Status | undefined {
  const bytes = trailer?.get(STATUS_DETAILS_KEY);
  if (bytes === undefined) return undefined;
  try {
    return rpc.Status.decode(bytes);
  } catch {
    // Another server's malformed trailer takes nothing from the status itself.
    return undefined;
  }
}

/** The error that a status tells of; the reverse of `domainErrorToStatus`. */
export function statusToDomainError({ code, message, details }: rpc.Status, cause?: ClientError): DomainError {
  const find = (url: string): Uint8Array | undefined => details.find(({ typeUrl }) => typeUrl === url)?.value;
  const infoBytes = find(ERROR_INFO_URL);
  const badRequestBytes = find(BAD_REQUEST_URL);
  const info = infoBytes === undefined ? undefined : rpc.ErrorInfo.decode(infoBytes);
  const violations = badRequestBytes === undefined ? [] : rpc.BadRequest.decode(badRequestBytes).fieldViolations;
  return new DomainError(kindOfStatus(code), message, {
    ...(info === undefined ? {} : { reason: info.reason, metadata: info.metadata }),
    violations: violations.map(({ field, description }) => ({ field, description })),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A client's error with what the trailer tells about it; the original stays its cause. */
export function decodeClientError(error: ClientError, trailer: Metadata | undefined): DomainError {
  const details = readDetails(trailer)?.details ?? [];
  return statusToDomainError(rpc.Status.create({ code: error.code, message: error.details, details }), error);
}
