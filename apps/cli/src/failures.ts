import { isDomainError, type DomainError, type DomainErrorKind } from '@nat/base/errors';

/** 0 success, 1 failed, 2 bad input or usage, 3 no server or worker to be had, 130 interrupted. */
const EXIT_CODES: Readonly<Record<DomainErrorKind, number>> = {
  INVALID_ARGUMENT: 2,
  NOT_FOUND: 2,
  ALREADY_EXISTS: 2,
  FAILED_PRECONDITION: 1,
  ABORTED: 1,
  RESOURCE_EXHAUSTED: 1,
  UNAVAILABLE: 3,
  CANCELLED: 130,
  UNAUTHENTICATED: 1,
  PERMISSION_DENIED: 1,
  DEADLINE_EXCEEDED: 3,
  UNIMPLEMENTED: 1,
  DATA_LOSS: 1,
  INTERNAL: 1,
};

const HINTS: Partial<Record<DomainErrorKind, string>> = {
  UNAVAILABLE: 'Is the server running? Start one with `nat up`, or leave --server out to use the embedded platform.',
  DEADLINE_EXCEEDED: 'The server took too long to answer. Try again, or look at its log.',
};

/** What to do, by the reason. */
const HINTS_BY_REASON: Readonly<Record<string, string>> = {
  POLICY_NOT_LEARNED_HERE: 'Name a policy with --policy (see `nat policy list`), or learn one: `nat search --help`.',
};

/** What the person at the terminal reads: one line that says what is wrong, and one that says what to do where that is known. */
export function describeFailure(error: unknown): { readonly lines: readonly string[]; readonly exitCode: number } {
  if (isDomainError(error)) {
    const hint = error.metadata['hint'] ?? HINTS_BY_REASON[error.reason] ?? HINTS[error.kind];
    return { lines: [`nat: ${oneLine(error)}`, ...(hint === undefined ? [] : [`     ${hint}`])], exitCode: EXIT_CODES[error.kind] };
  }
  return { lines: [`nat: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`], exitCode: 1 };
}

function oneLine(error: DomainError): string {
  return error.message.replaceAll(/\s*\n\s*/g, ' ');
}
