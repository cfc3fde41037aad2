import { DomainError } from '@nat/base/errors';

/**
 * Bytes of unary requests that are being answered, bounded: a service that waits for a slow database refuses more work instead of gathering it in
 * memory. Clients try what may be repeated again, with pauses, so their submissions slow down. Streams are held back by HTTP/2 itself.
 */
export class PendingRequests {
  readonly #most: number;
  readonly #sizes = new WeakMap<object, number>();
  #bytes = 0;

  /** @param most bytes; one larger request alone is still taken */
  constructor(most: number) {
    this.#most = most;
  }

  /** Notes what a message took on the wire. */
  measure(message: object, bytes: number): void {
    this.#sizes.set(message, bytes);
  }

  /** Takes a request in and gives what ends it. @throws DomainError UNAVAILABLE SERVER_BUSY */
  enter(message: unknown): () => void {
    const size = (typeof message === 'object' && message !== null ? this.#sizes.get(message) : undefined) ?? 0;
    if (this.#bytes > 0 && this.#bytes + size > this.#most) {
      throw new DomainError('UNAVAILABLE', 'too much is being answered already: try again', { reason: 'SERVER_BUSY' });
    }
    this.#bytes += size;
    return () => {
      this.#bytes -= size;
    };
  }
}
