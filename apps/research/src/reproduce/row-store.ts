/**
 * Rows that were computed here, one JSON object a line, appended when a row is done: what a killed run goes on from. Beside them lie the
 * artifacts that rows share.
 */
import { appendFile, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '@nat/base/errors';
import { z } from 'zod';
import type { Values } from './result-table.ts';

/** A row that is done. */
export interface ComputedRow {
  readonly revision: number;
  readonly name: string;
  readonly seed: number;
  /** TensorFlow threads it was computed with. */
  readonly threads: number;
  readonly values: Values;
  /** Wall time. */
  readonly seconds: number;
}

const schema = z.strictObject({
  revision: z.int(),
  name: z.string(),
  seed: z.int(),
  threads: z.int(),
  values: z.record(z.string(), z.number()),
  seconds: z.number(),
});

/** The working copy of one table. */
export class RowStore {
  readonly #directory: string;
  readonly #file: string;
  readonly #artifacts: string;

  constructor(directory: string, table: string) {
    this.#directory = directory;
    this.#file = join(directory, `${table}.jsonl`);
    this.#artifacts = join(directory, table);
  }

  /**
   * All rows, oldest first. A last line that a killed process left unfinished is cut off.
   * @throws DomainError DATA_LOSS for a line that is no row
   */
  async read(): Promise<readonly ComputedRow[]> {
    const text = await readFile(this.#file, 'utf8').catch(absent);
    if (text === undefined) return [];
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) await truncate(this.#file, Buffer.byteLength(whole));
    return whole
      .split('\n')
      .slice(0, -1)
      .map((line, i) => parseRow(line, `${this.#file}, line ${i + 1}`));
  }

  async append(row: ComputedRow): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    await appendFile(this.#file, `${JSON.stringify(row)}\n`, { flush: true });
  }

  /** Bytes by name, made and kept where there are none yet. */
  async artifact(name: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const file = join(this.#artifacts, name);
    const kept = await readFile(file).catch(absent);
    if (kept !== undefined) return kept;
    const made = await make();
    await mkdir(this.#artifacts, { recursive: true });
    const unfinished = `${file}.${process.pid}.tmp`;
    await writeFile(unfinished, made, { flush: true });
    await rename(unfinished, file);
    return made;
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    await rm(this.#file, { force: true });
    await rm(this.#artifacts, { recursive: true, force: true });
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function parseRow(line: string, where: string): ComputedRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = undefined;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DomainError('DATA_LOSS', `${where}: not a computed row`, { reason: 'DAMAGED_ROWS', metadata: { hint: 'Start over with --fresh.' } });
}
