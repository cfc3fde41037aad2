export { DomainError, isDomainError, type DomainErrorKind, type DomainErrorOptions, type FieldViolation } from './domain-error.ts';
export { toDomainError } from './system-errors.ts';
export { isRepeatable, isTransient } from './transient.ts';
