export { DomainError, isDomainError, toDomainError, type DomainErrorKind, type DomainErrorOptions, type FieldViolation } from './domain-error.ts';
