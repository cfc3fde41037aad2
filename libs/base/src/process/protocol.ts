/** What a process and one that it started say to each other over their channel, as structured clones. */
import { DomainError, isDomainError, toDomainError, type DomainErrorKind, type FieldViolation } from '../errors/index.ts';

/** One kind of request. */
export interface Exchange {
  readonly request: unknown;
  readonly response: unknown;
  /** What may be said any number of times before the response. @default nothing */
  readonly event?: unknown;
}

/** The kinds of requests that a process answers, by name. */
export type Protocol<P> = { readonly [Kind in keyof P]: Exchange };

export type RequestOf<P extends Protocol<P>, Kind extends keyof P> = P[Kind]['request'];
export type ResponseOf<P extends Protocol<P>, Kind extends keyof P> = P[Kind]['response'];
export type EventOf<P extends Protocol<P>, Kind extends keyof P> = P[Kind] extends { readonly event: infer Event } ? Event : never;

export interface RequestMessage {
  readonly id: number;
  readonly kind: string;
  readonly request: unknown;
}

export type ResponseMessage =
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly response: unknown }
  | { readonly id: number; readonly error: ErrorMessage };

/** A domain error on its way between processes. */
export interface ErrorMessage {
  readonly kind: DomainErrorKind;
  readonly message: string;
  readonly reason: string;
  readonly violations: readonly FieldViolation[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly stack: string | undefined;
}

export function encodeError(error: unknown): ErrorMessage {
  const { kind, message, reason, violations, metadata } = toDomainError(error);
  // What is not a domain error is a bug or a fault of the machine: its own words help whoever reads the log.
  const text = isDomainError(error) || !(error instanceof Error) ? message : `${message}: ${error.message}`;
  return { kind, message: text, reason, violations, metadata, stack: error instanceof Error ? error.stack : undefined };
}

export function decodeError({ kind, message, reason, violations, metadata, stack }: ErrorMessage): DomainError {
  return new DomainError(kind, message, { reason, violations, metadata, cause: stack });
}
