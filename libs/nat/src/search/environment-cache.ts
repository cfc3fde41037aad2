import { readArchitecture } from '@nat/cells';
import { SubjectPreparer, type Subject, type SubjectOptions } from '@nat/nat';
import type { Source } from './spaces/space.ts';

/** Prepared sources by text, so that a source that comes again is prepared once. Keeps the `capacity` latest. */
export class SubjectCache {
  readonly #preparer: SubjectPreparer;
  readonly #capacity: number;
  readonly #subjects = new Map<string, Subject>();

  constructor(options: SubjectOptions, capacity = 20_000) {
    this.#preparer = new SubjectPreparer(options);
    this.#capacity = capacity;
  }

  /** The subject of a source that was just drawn. */
  of({ text, architecture }: Source): Subject {
    return this.#subjects.get(text) ?? this.#keep(text, this.#preparer.prepare(architecture));
  }

  /** The subject of a source that a trial stored as text. */
  read(text: string): Subject {
    return this.#subjects.get(text) ?? this.#keep(text, this.#preparer.prepare(readArchitecture(text, 'source')));
  }

  #keep(text: string, subject: Subject): Subject {
    if (this.#subjects.size >= this.#capacity) {
      const oldest = this.#subjects.keys().next().value;
      if (oldest !== undefined) this.#subjects.delete(oldest);
    }
    this.#subjects.set(text, subject);
    return subject;
  }
}
