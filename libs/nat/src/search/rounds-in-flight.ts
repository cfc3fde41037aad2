/** The rounds of a search that are being evaluated. */

interface InFlight<R, T> {
  readonly round: R;
  readonly abort: AbortController;
  /** Never rejects: nobody may be waiting yet. */
  readonly ended: Promise<Ended<R, T>>;
}

type Ended<R, T> = { readonly round: R; readonly result: T } | { readonly round: R; readonly error: unknown };

/** Evaluates several rounds at the same time. */
export class RoundsInFlight<R, T extends object> {
  readonly #evaluate: (round: R, signal: AbortSignal) => Promise<T>;
  /** In the order they were added. */
  readonly #inFlight = new Map<R, InFlight<R, T>>();

  constructor(evaluate: (round: R, signal: AbortSignal) => Promise<T>) {
    this.#evaluate = evaluate;
  }

  get size(): number {
    return this.#inFlight.size;
  }

  get rounds(): readonly R[] {
    return [...this.#inFlight.keys()];
  }

  /** Starts the evaluation of a round. */
  add(round: R): void {
    const abort = new AbortController();
    const ended = this.#evaluate(round, abort.signal).then(
      (result) => ({ round, result }),
      (error: unknown) => ({ round, error }),
    );
    this.#inFlight.set(round, { round, abort, ended });
  }

  /** The first round that is evaluated, the oldest where several are; it is in flight no more. @throws what its evaluation threw */
  async next(): Promise<{ readonly round: R } & T> {
    // Promise.race settles as the first of its promises that are settled.
    const ended = await Promise.race([...this.#inFlight.values()].map((one) => one.ended));
    this.#inFlight.delete(ended.round);
    if ('error' in ended) throw ended.error;
    return { round: ended.round, ...ended.result };
  }

  /** Ends the evaluation of rounds whose results nobody wants, and waits until nothing of it runs any more. */
  async stop(rounds: readonly R[]): Promise<void> {
    const stopped = rounds.flatMap((round) => this.#inFlight.get(round) ?? []);
    for (const { round, abort } of stopped) {
      this.#inFlight.delete(round);
      abort.abort(new Error('the round is not waited for any more'));
    }
    await Promise.all(stopped.map(({ ended }) => ended));
  }
}
