import { readFileSync, statSync } from 'node:fs';
import type { Logger } from '../observability/logger.ts';

export interface WatchedFileOptions<Value> {
  /** What the file means. What it throws at the first reading is thrown on; later it keeps the value there was. */
  readonly parse: (text: string) => Value;
  /** How long the file is trusted before it is looked at again. @default 1 s */
  readonly checkMs?: number;
}

/** The value of a file, read again when the file has changed. */
export type WatchedFile<Value> = (logger?: Logger) => Value;

/**
 * Reads the file now, and again at the first use after it has changed: mounted secrets are swapped under a running process. It is looked at when it
 * is used and not by a timer, so that nothing has to be closed. A file that cannot be read, or makes no sense, leaves the last good value in use.
 * @throws what reading and parsing throw, at the first reading
 */
export function watchFile<Value>(path: string, { parse, checkMs = 1_000 }: WatchedFileOptions<Value>): WatchedFile<Value> {
  const read = (): { readonly version: string; readonly value: Value } => {
    // The version first: a change between the two is then seen at the next look.
    const version = versionOf(path);
    return { version, value: parse(readFileSync(path, 'utf8')) };
  };
  let { version, value } = read();
  let lookedAt = performance.now();
  return (logger) => {
    const now = performance.now();
    if (now - lookedAt < checkMs) return value;
    lookedAt = now;
    try {
      if (versionOf(path) === version) return value;
      ({ version, value } = read());
      logger?.info({ path }, 'read again: the file has changed');
    } catch (error) {
      logger?.warn({ path, reason: error instanceof Error ? error.message : String(error) }, 'the changed file is not used: it cannot be read');
    }
    return value;
  };
}

/** Tells two states of a file apart, also where a link was turned to another file. */
export function versionOf(path: string): string {
  const { mtimeMs, size, ino } = statSync(path);
  return `${String(mtimeMs)}:${String(size)}:${String(ino)}`;
}
