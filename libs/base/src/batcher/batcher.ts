/** How one item of a group ended. */
export type Settled<Result> = { readonly result: Result } | { readonly error: unknown };

export interface GroupingOptions<Item, Result> {
  /** Runs a group; the answers in its order. Rejecting it rejects every item, unless `isOnes` says that one of them may be the cause. */
  readonly run: (items: readonly Item[]) => Promise<readonly Settled<Result>[]>;
  /** Items of one key are never in one group: the later one sees what the earlier one did. */
  readonly keyOf: (item: Item) => string;
  /** Whether an error may be the fault of one item: then each is run alone. @default never */
  readonly isOnes?: (error: unknown) => boolean;
  /** Items of one group. */
  readonly maxItems: number;
  /** Groups that run at once: one that waits for a lock does not stop the others. */
  readonly maxRunning: number;
}

/**
 * Runs what many callers ask for at about the same time together, as a database commits groups: what is asked for in the same turn of the event loop
 * runs at once, and whatever comes while groups run makes the next one. Nobody waits for a group to fill.
 */
export function createGrouping<Item, Result>({
  run,
  keyOf,
  isOnes = () => false,
  maxItems,
  maxRunning,
}: GroupingOptions<Item, Result>): (item: Item) => Promise<Result> {
  interface Waiting {
    readonly item: Item;
    readonly resolve: (result: Result) => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];
  /** Of the groups that run. */
  const keys = new Set<string>();
  let running = 0;

  const take = (): Waiting[] => {
    const group: Waiting[] = [];
    const rest: Waiting[] = [];
    for (const one of waiting) {
      const key = keyOf(one.item);
      if (group.length < maxItems && !keys.has(key)) {
        keys.add(key);
        group.push(one);
      } else rest.push(one);
    }
    waiting = rest;
    return group;
  };

  const settle = async (group: readonly Waiting[]): Promise<void> => {
    try {
      const answers = await run(group.map(({ item }) => item));
      for (const [i, { resolve, reject }] of group.entries()) {
        const answer = answers[i]!;
        if ('error' in answer) reject(answer.error);
        else resolve(answer.result);
      }
    } catch (error) {
      if (group.length > 1 && isOnes(error)) for (const one of group) await settle([one]);
      else for (const { reject } of group) reject(error);
    }
  };

  const start = (): void => {
    while (running < maxRunning && waiting.length > 0) {
      const group = take();
      if (group.length === 0) return; // all wait for one of the same key
      running += 1;
      void settle(group).finally(() => {
        running -= 1;
        for (const { item } of group) keys.delete(keyOf(item));
        start();
      });
    }
  };

  return (item) =>
    new Promise<Result>((resolve, reject) => {
      if (waiting.push({ item, resolve, reject }) === 1) queueMicrotask(start);
    });
}
