import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** The lines of a stream, kept from its start. */
export class Lines {
  readonly #lines: string[] = [];
  #read = 0;
  #over: boolean;
  #more = Promise.withResolvers<undefined>();
  readonly #describeEnd: () => Promise<string>;

  /** @param describeEnd why there are no more lines */
  constructor(stream: Readable | null, describeEnd: () => Promise<string>) {
    this.#describeEnd = describeEnd;
    this.#over = stream === null;
    if (stream === null) return;
    const reader = createInterface({ input: stream });
    reader.on('line', (line) => {
      this.#lines.push(line);
      this.#wake();
    });
    reader.on('close', () => {
      this.#over = true;
      this.#wake();
    });
  }

  /** Those that came so far. */
  get all(): readonly string[] {
    return this.#lines;
  }

  /** The next one that `next` has not given yet; undefined after the last. */
  async next(): Promise<string | undefined> {
    while (this.#read === this.#lines.length && !this.#over) await this.#more.promise;
    return this.#lines[this.#read++];
  }

  /** The first one that fits, of all that came or will come. @throws when the stream ends without it */
  async find(fits: (line: string) => boolean): Promise<string> {
    for (let i = 0; ; i += 1) {
      while (i === this.#lines.length) {
        if (this.#over) throw new Error(`the line that was waited for did not come: ${await this.#describeEnd()}`);
        await this.#more.promise;
      }
      const line = this.#lines[i]!;
      if (fits(line)) return line;
    }
  }

  #wake(): void {
    this.#more.resolve(undefined);
    this.#more = Promise.withResolvers();
  }
}
