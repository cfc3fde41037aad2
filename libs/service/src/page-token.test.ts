import { isDomainError } from '@nat/errors';
import { describe, expect, test } from 'vitest';
import { readPageToken, writePageToken } from './page-token.ts';

describe('page tokens', () => {
  test('give back the position they were made from', () => {
    const token = writePageToken(['list', 'namespaces/default', 'state="QUEUED"'], ['loss', 42]);
    const [metric, step] = readPageToken(token, ['list', 'namespaces/default', 'state="QUEUED"'], ['', -1]);
    expect([metric, step]).toEqual(['loss', 42]);
    expect(readPageToken('', ['list'], ['', -1])).toEqual(['', -1]);
  });

  test.each([
    ['another filter', writePageToken(['list', 'b'], [1])],
    ['another shape', writePageToken(['list', 'a'], ['x'])],
    ['a longer position', writePageToken(['list', 'a'], [1, 2])],
    ['a fraction', writePageToken(['list', 'a'], [0.5])],
    ['rubbish', 'not a token'],
    ['json that is no list', Buffer.from('{}').toString('base64url')],
  ])('refuse %s', (_, token) => {
    let thrown: unknown;
    try {
      readPageToken(token, ['list', 'a'], [0]);
    } catch (error) {
      thrown = error;
    }
    expect(isDomainError(thrown) && thrown.reason).toBe('INVALID_PAGE_TOKEN');
  });
});
