import { createConnection } from 'node:net';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { DomainError, isRepeatable, isTransient, toDomainError, type DomainErrorKind } from './index.ts';

const of = (kind: DomainErrorKind, reason?: string): DomainError => new DomainError(kind, 'it did not work', reason === undefined ? {} : { reason });
const system = (code: string, cause?: unknown): Error => Object.assign(new Error(`${code}: as Node says it`, { cause }), { code });

describe('isTransient', () => {
  it.each<DomainErrorKind>(['UNAVAILABLE', 'CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'RESOURCE_EXHAUSTED'])('holds for %s', (kind) => {
    expect(isTransient(of(kind))).toBe(true);
  });

  it.each<DomainErrorKind>(['INVALID_ARGUMENT', 'FAILED_PRECONDITION', 'NOT_FOUND', 'PERMISSION_DENIED', 'UNIMPLEMENTED', 'DATA_LOSS', 'INTERNAL'])(
    'does not hold for %s',
    (kind) => {
      expect(isTransient(of(kind))).toBe(false);
    },
  );

  it('tells what is too large from what is full', () => {
    expect(isTransient(of('RESOURCE_EXHAUSTED', 'REQUEST_TOO_LARGE'))).toBe(false);
    expect(isTransient(of('RESOURCE_EXHAUSTED', 'BLOB_STORE_FULL'))).toBe(true);
  });

  it('knows faults of the machine, also as a cause', () => {
    expect(isTransient(system('ENOSPC'))).toBe(true);
    expect(isTransient(new TypeError('fetch failed', { cause: system('ECONNREFUSED') }))).toBe(true);
    expect(isTransient(system('EISDIR'))).toBe(false);
    expect(isTransient(new TypeError('undefined is not a function'))).toBe(false);
    expect(isTransient('a text')).toBe(false);
  });

  it('ends at a cause that is its own cause', () => {
    const error = new Error('round');
    error.cause = error;
    expect(isTransient(error)).toBe(false);
  });

  it('knows what Node itself throws', async () => {
    const socket = createConnection({ host: '127.0.0.1', port: 1 });
    const [refused] = (await once(socket, 'error').catch((error: unknown) => [error])) as [Error];
    expect(toDomainError(refused)).toMatchObject({ kind: 'UNAVAILABLE', reason: 'UNREACHABLE', cause: refused });
    const missing: unknown = await readFile('/no/such/file').catch((error: unknown) => error);
    expect(toDomainError(missing)).toMatchObject({ kind: 'INTERNAL', cause: missing });
  });
});

describe('isRepeatable', () => {
  it('holds for what went wrong before or beside the call alone', () => {
    const kinds: readonly DomainErrorKind[] = ['UNAVAILABLE', 'CANCELLED', 'DEADLINE_EXCEEDED', 'ABORTED', 'RESOURCE_EXHAUSTED', 'INTERNAL'];
    expect(kinds.filter((kind) => isRepeatable(of(kind)))).toEqual(['UNAVAILABLE', 'CANCELLED']);
  });
});

describe('toDomainError', () => {
  it('keeps domain errors and wraps the rest', () => {
    const error = of('NOT_FOUND');
    expect(toDomainError(error)).toBe(error);
    expect(toDomainError(system('EDQUOT'))).toMatchObject({ kind: 'RESOURCE_EXHAUSTED', reason: 'DISK_FULL' });
    expect(toDomainError(new Error('a bug'))).toMatchObject({ kind: 'INTERNAL', reason: 'INTERNAL', message: 'internal error' });
  });
});
