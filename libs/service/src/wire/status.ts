import type { DomainErrorKind } from '@nat/base/errors';
import { Status } from 'nice-grpc-common';

/** The gRPC status of each kind of domain error: one row a kind, checked by the compiler. */
export const STATUS_OF_KIND: Readonly<Record<DomainErrorKind, Status>> = {
  INVALID_ARGUMENT: Status.INVALID_ARGUMENT,
  UNAUTHENTICATED: Status.UNAUTHENTICATED,
  PERMISSION_DENIED: Status.PERMISSION_DENIED,
  NOT_FOUND: Status.NOT_FOUND,
  ALREADY_EXISTS: Status.ALREADY_EXISTS,
  FAILED_PRECONDITION: Status.FAILED_PRECONDITION,
  ABORTED: Status.ABORTED,
  RESOURCE_EXHAUSTED: Status.RESOURCE_EXHAUSTED,
  UNAVAILABLE: Status.UNAVAILABLE,
  CANCELLED: Status.CANCELLED,
  DEADLINE_EXCEEDED: Status.DEADLINE_EXCEEDED,
  UNIMPLEMENTED: Status.UNIMPLEMENTED,
  DATA_LOSS: Status.DATA_LOSS,
  INTERNAL: Status.INTERNAL,
};

const KINDS: ReadonlyMap<number, DomainErrorKind> = new Map([
  [Status.OUT_OF_RANGE, 'INVALID_ARGUMENT'],
  ...Object.entries(STATUS_OF_KIND).map(([kind, status]) => [status, kind as DomainErrorKind] as const),
]);

/** The kind a client sees for a status. Statuses that no kind maps to (UNKNOWN) come from other servers. */
export function kindOfStatus(code: number): DomainErrorKind {
  return KINDS.get(code) ?? 'INTERNAL';
}

/** The name of a status, as in `INVALID_ARGUMENT`; the number in words where it is unknown. */
export function statusName(code: number): string {
  return Status[code] ?? `STATUS_${String(code)}`;
}
