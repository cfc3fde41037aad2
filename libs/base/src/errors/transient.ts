import type { DomainErrorKind } from './domain-error.ts';
import { toDomainError } from './system-errors.ts';

/**
 * What may be done about an error of a kind, as gRPC's guide to status codes has it: `call`: the same call may be sent again as it is; `work`: the same may
 * succeed when it is begun again, later and from what is then true; `never`: only another request can succeed.
 */
const REPETITION: Readonly<Record<DomainErrorKind, 'call' | 'work' | 'never'>> = {
  UNAVAILABLE: 'call', // no connection, or the server drains
  CANCELLED: 'call', // by the other side, which went down: who cancels a call itself does not repeat it
  DEADLINE_EXCEEDED: 'work', // the deadline covers all attempts of the call
  ABORTED: 'work', // lost against another: what was read before is out of date
  RESOURCE_EXHAUSTED: 'work', // a quota, a full disk
  INTERNAL: 'never', // a bug does not pass
  DATA_LOSS: 'never',
  INVALID_ARGUMENT: 'never',
  UNAUTHENTICATED: 'never',
  PERMISSION_DENIED: 'never',
  NOT_FOUND: 'never',
  ALREADY_EXISTS: 'never',
  FAILED_PRECONDITION: 'never',
  UNIMPLEMENTED: 'never',
};

/** gRPC says RESOURCE_EXHAUSTED of messages over a limit too, and their size does not pass. */
const TOO_LARGE = /_TOO_LARGE$/;

function repetitionOf(error: unknown): 'call' | 'work' | 'never' {
  const { kind, reason } = toDomainError(error);
  return TOO_LARGE.test(reason) ? 'never' : REPETITION[kind];
}

/**
 * True when the fault is of the machine, the network or another process, so that the same work may succeed later although nobody changes what was asked for;
 * false for faults of the input and for bugs, which come again. Errors of the operating system count as what `toDomainError` makes of them.
 */
export function isTransient(error: unknown): boolean {
  return repetitionOf(error) !== 'never';
}

/** True when the very same call may be sent again at once, if repeating it does no harm. Narrower than `isTransient`. */
export function isRepeatable(error: unknown): boolean {
  return repetitionOf(error) === 'call';
}
