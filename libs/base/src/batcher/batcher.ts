/** The outcome of one item of a batch. */
export type Settled<Result> = { readonly result: Result } | { readonly error: unknown };

export interface BatcherOptions<Item, Result> {
  /** Runs a batch and gives the outcome of each item, in order. A rejection rejects every item, unless `isItemError` says that one of them may be the cause. */
  readonly run: (items: readonly Item[]) => Promise<readonly Settled<Result>[]>;
  /** Items of one key are never in the same batch: the later one sees what the earlier one did. */
  readonly keyOf: (item: Item) => string;
  /** Whether an error of a batch may come from one of its items: then each item is run alone. @default never */
  readonly isItemError?: (error: unknown) => boolean;
  /** Most items of a batch. */
  readonly maxBatchSize: number;
  /** Most batches that run at once: one that waits for a lock does not stop the others. */
  readonly maxConcurrent: number;
}

/**
 * Group commit: the items of one iteration of the event loop make a batch that runs at once, and items that come while `maxConcurrent` batches run make
 * the next one. No item waits for a batch to fill.
 */
export function createBatcher<Item, Result>({
  run,
  keyOf,
  isItemError = () => false,
  maxBatchSize,
  maxConcurrent,
}: BatcherOptions<Item, Result>): (item: Item) => Promise<Result> {
  interface Waiting {
    readonly item: Item;
    readonly resolve: (result: Result) => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];
  /** Keys in the batches that run. */
  const keys = new Set<string>();
  let running = 0;

  const take = (): Waiting[] => {
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    for (const one of waiting) {
      const key = keyOf(one.item);
      if (batch.length < maxBatchSize && !keys.has(key)) {
        keys.add(key);
        batch.push(one);
      } else rest.push(one);
    }
    waiting = rest;
    return batch;
  };

  const settle = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const answers = await run(batch.map(({ item }) => item));
      for (const [i, { resolve, reject }] of batch.entries()) {
        const answer = answers[i]!;
        if ('error' in answer) reject(answer.error);
        else resolve(answer.result);
      }
    } catch (error) {
      if (batch.length > 1 && isItemError(error)) for (const one of batch) await settle([one]);
      else for (const { reject } of batch) reject(error);
    }
  };

  const start = (): void => {
    while (running < maxConcurrent && waiting.length > 0) {
      const batch = take();
      if (batch.length === 0) return; // all wait for one of the same key
      running += 1;
      void settle(batch).finally(() => {
        running -= 1;
        for (const { item } of batch) keys.delete(keyOf(item));
        start();
      });
    }
  };

  return (item) =>
    new Promise<Result>((resolve, reject) => {
      if (waiting.push({ item, resolve, reject }) === 1) queueMicrotask(start);
    });
}
