import { describe, expect, it } from 'vitest';
import { createBatcher, type Settled } from './batcher.ts';

/** A batcher whose batches end when they are told to. */
function held(options: { readonly maxBatchSize?: number; readonly maxConcurrent?: number; readonly isItemError?: (error: unknown) => boolean } = {}) {
  const batches: { readonly items: readonly string[]; readonly end: PromiseWithResolvers<readonly Settled<string>[]> }[] = [];
  const ask = createBatcher<string, string>({
    maxBatchSize: 10,
    maxConcurrent: 1,
    keyOf: (item) => item.slice(0, 1),
    run: (items) => {
      const end = Promise.withResolvers<readonly Settled<string>[]>();
      batches.push({ items, end });
      return end.promise;
    },
    ...options,
  });
  const answer = (i: number): void => {
    batches[i]!.end.resolve(batches[i]!.items.map((item) => ({ result: `${item}!` })));
  };
  const items = (): (readonly string[])[] => batches.map((batch) => batch.items);
  return { ask, batches, answer, items };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('batcher', () => {
  it('runs at once what is asked for at once, and what comes meanwhile together', async () => {
    const { ask, answer, items } = held();
    const first = Promise.all(['d', 'e'].map(ask));
    await settled();
    expect(items()).toEqual([['d', 'e']]);
    answer(0);
    expect(await first).toEqual(['d!', 'e!']);
  });

  it('runs together what comes while a batch runs', async () => {
    const { ask, answer, items } = held();
    const first = ask('a');
    await settled();
    const second = ask('b');
    await settled();
    const all = Promise.all([first, second, ask('c')]);
    expect(items()).toEqual([['a']]);
    answer(0);
    await settled();
    expect(items()).toEqual([['a'], ['b', 'c']]);
    answer(1);
    expect(await all).toEqual(['a!', 'b!', 'c!']);
  });

  it('keeps items of one key apart and in order', async () => {
    const { ask, answer, items } = held({ maxConcurrent: 2 });
    const first = ask('a1');
    await settled();
    const all = Promise.all([first, ...['a2', 'b1', 'a3'].map(ask)]);
    await settled();
    expect(items()).toEqual([['a1'], ['b1']]);
    answer(1);
    await settled();
    expect(items()).toHaveLength(2);
    answer(0);
    await settled();
    answer(2);
    await settled();
    answer(3);
    expect(await all).toEqual(['a1!', 'a2!', 'b1!', 'a3!']);
    expect(items().slice(2)).toEqual([['a2'], ['a3']]);
  });

  it('bounds a batch', async () => {
    const { ask, answer, items } = held({ maxBatchSize: 2 });
    const all = Promise.all(['a', 'b', 'c'].map(ask));
    for (const i of [0, 1]) {
      await settled();
      answer(i);
    }
    await all;
    expect(items()).toEqual([['a', 'b'], ['c']]);
  });

  it('refuses one item for itself', async () => {
    const { ask, batches } = held();
    const asked = ask('a');
    await settled();
    batches[0]!.end.resolve([{ error: new Error('not this one') }]);
    await expect(asked).rejects.toThrow('not this one');
  });

  it('rejects a whole batch that failed, or runs each item alone when one may be the cause', async () => {
    const { ask, answer, batches, items } = held({ isItemError: (error) => error instanceof RangeError });
    const [a, b] = ['a', 'b'].map((item) => ask(item).catch((error: unknown) => (error as Error).message));
    await settled();
    batches[0]!.end.reject(new RangeError('one of them'));
    await settled();
    batches[1]!.end.reject(new RangeError('this one'));
    await settled();
    answer(2);
    expect(await Promise.all([a, b])).toEqual(['this one', 'b!']);
    expect(items()).toEqual([['a', 'b'], ['a'], ['b']]);
    const [c, d] = ['c', 'd'].map((item) => ask(item).catch((error: unknown) => (error as Error).message));
    await settled();
    batches[3]!.end.reject(new Error('no database'));
    expect(await Promise.all([c, d])).toEqual(['no database', 'no database']);
  });
});
