import { DomainError } from '@nat/base/errors';
import { describe, expect, test } from 'vitest';
import { createCheckpointReporter, type CheckpointReporter } from './checkpoint-reporter.ts';

describe('reporting checkpoints', () => {
  const start = (report: (key: string) => Promise<void> = () => Promise.resolve(), earlier?: string) => {
    const removed: string[] = [];
    const errors: unknown[] = [];
    const reporter: CheckpointReporter = createCheckpointReporter({
      earlier,
      report: ({ blob }) => report(blob),
      remove: (key) => Promise.resolve(void removed.push(key)),
      onError: (error) => errors.push(error),
    });
    return { reporter, removed, errors };
  };

  test('deletes one only when a later one is known to the coordinator', async () => {
    const gate = Promise.withResolvers<undefined>();
    const { reporter, removed } = start((key) => (key === 'b' ? gate.promise : Promise.resolve()));
    reporter.add({ blob: 'a', namedBlobs: [] });
    await reporter.settle();
    reporter.add({ blob: 'b', namedBlobs: [] });
    reporter.add({ blob: 'c', namedBlobs: [] });
    expect(removed).toEqual([]);
    gate.resolve(undefined);
    await reporter.settle();
    expect(removed).toEqual(['a', 'b']);
    expect(reporter.latest()?.blob).toBe('c');
    await reporter.discard(['other']);
    expect(removed).toEqual(['a', 'b', 'c']);
  });

  test('takes over what an earlier attempt left', async () => {
    const reported: string[] = [];
    const { reporter, removed } = start((key) => Promise.resolve(void reported.push(key)), 'a');
    expect(reporter.latest()).toBeUndefined(); // the coordinator has it
    await reporter.settle();
    expect([reported, removed]).toEqual([[], []]);
    reporter.add({ blob: 'b', namedBlobs: [] });
    await reporter.settle();
    expect([reported, removed]).toEqual([['b'], ['a']]);
    await reporter.discard([]);
    expect(removed).toEqual(['a', 'b']);
  });

  test('keeps everything that the coordinator may still name while it is away, and what an outcome names', async () => {
    let away = false;
    const { reporter, removed, errors } = start(() => (away ? Promise.reject(new DomainError('UNAVAILABLE', 'away')) : Promise.resolve()));
    reporter.add({ blob: 'a', namedBlobs: [] });
    await reporter.settle();
    away = true;
    reporter.add({ blob: 'b', namedBlobs: [] });
    await reporter.settle();
    expect(removed).toEqual([]);
    expect(errors).toContainEqual(expect.objectContaining({ kind: 'UNAVAILABLE' }));
    away = false;
    await reporter.discard(['b']);
    expect(removed).toEqual(['a']);
  });

  test('stops reporting once the lease is over', async () => {
    const reported: string[] = [];
    const { reporter, errors } = start((key) => {
      reported.push(key);
      return Promise.reject(new DomainError('FAILED_PRECONDITION', 'over', { reason: 'STALE_LEASE' }));
    });
    reporter.add({ blob: 'a', namedBlobs: [] });
    await reporter.settle();
    reporter.add({ blob: 'b', namedBlobs: [] });
    await reporter.settle();
    expect([reported, errors]).toEqual([['a'], []]);
  });
});
