/** What went wrong, in words that hold on any transport. `service` maps each to one gRPC status. */
export type DomainErrorKind =
  | 'INVALID_ARGUMENT'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'RESOURCE_EXHAUSTED'
  | 'UNAVAILABLE'
  | 'CANCELLED'
  | 'DEADLINE_EXCEEDED'
  | 'UNIMPLEMENTED'
  | 'DATA_LOSS'
  | 'INTERNAL';

/** One bad field of a request: `field` is a path like `architecture.cells[0].edges[3].from`. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

export interface DomainErrorOptions {
  /** UPPER_SNAKE_CASE, stable, at most 63 characters: what a client may switch on. @default the kind */
  readonly reason?: string;
  readonly violations?: readonly FieldViolation[];
  /** Values a client may show or act on; never secrets. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Kept for logs, never sent. */
  readonly cause?: unknown;
}

/** The one error type of the domain. Discriminate by `kind`, not by `instanceof`. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly kind: DomainErrorKind;
  readonly reason: string;
  readonly violations: readonly FieldViolation[];
  readonly metadata: Readonly<Record<string, string>>;

  constructor(kind: DomainErrorKind, message: string, options: DomainErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.reason = options.reason ?? kind;
    this.violations = options.violations ?? [];
    this.metadata = options.metadata ?? {};
  }

  /** INVALID_ARGUMENT for one field. */
  static invalid(field: string, description: string, reason = 'INVALID_FIELD'): DomainError {
    return new DomainError('INVALID_ARGUMENT', `${field}: ${description}`, { reason, violations: [{ field, description }] });
  }

  /** INVALID_ARGUMENT for several fields at once. */
  static invalidFields(violations: readonly FieldViolation[], reason = 'INVALID_FIELD'): DomainError {
    const message = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
    return new DomainError('INVALID_ARGUMENT', message, { reason, violations });
  }
}

/** True for any DomainError, also one from another copy of this package. */
export function isDomainError(error: unknown): error is DomainError {
  return error instanceof Error && error.name === 'DomainError' && 'kind' in error && 'reason' in error;
}
