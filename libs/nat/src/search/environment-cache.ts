import { readArchitecture } from '@nat/cells';
import { EnvironmentFactory, type Environment, type EnvironmentOptions } from '../mdp/environment.ts';
import type { Source } from './spaces/space.ts';

/** Prepared sources by text, so that a source that comes again is prepared once. Keeps the `capacity` latest. */
export class EnvironmentCache {
  readonly #factory: EnvironmentFactory;
  readonly #capacity: number;
  readonly #environments = new Map<string, Environment>();

  constructor(options: EnvironmentOptions, capacity = 20_000) {
    this.#factory = new EnvironmentFactory(options);
    this.#capacity = capacity;
  }

  /** The environment of a source that was just drawn. */
  of({ text, architecture }: Source): Environment {
    return this.#environments.get(text) ?? this.#keep(text, this.#factory.prepare(architecture));
  }

  /** The environment of a source that a trial stored as text. */
  read(text: string): Environment {
    return this.#environments.get(text) ?? this.#keep(text, this.#factory.prepare(readArchitecture(text, 'source')));
  }

  #keep(text: string, environment: Environment): Environment {
    if (this.#environments.size >= this.#capacity) {
      const oldest = this.#environments.keys().next().value;
      if (oldest !== undefined) this.#environments.delete(oldest);
    }
    this.#environments.set(text, environment);
    return environment;
  }
}
