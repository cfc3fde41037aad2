/** Listeners of channels inside one process. */
export class LocalSignals {
  readonly #listeners = new Map<string, Set<() => void>>();

  add(channel: string, onSignal: () => void): () => void {
    const listener = (): void => {
      onSignal();
    };
    let listeners = this.#listeners.get(channel);
    if (listeners === undefined) this.#listeners.set(channel, (listeners = new Set()));
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(channel) === listeners) this.#listeners.delete(channel);
    };
  }

  fire(channel: string): void {
    for (const listener of [...(this.#listeners.get(channel) ?? [])]) listener();
  }

  fireAll(): void {
    for (const channel of [...this.#listeners.keys()]) this.fire(channel);
  }
}
