import type { Architecture, PrimitiveName } from '@nat/cells';
import type { RandomStream } from '@nat/base/random';

/** An architecture that a round starts from. */
export interface Source {
  /** Its text form (`formatArchitecture`), or its name in the zoo: what trials store, and equal for equal sources of a space. */
  readonly text: string;
  readonly architecture: Architecture;
}

/** Where the sources of a search come from. */
export interface SearchSpace {
  readonly name: string;
  /** One source. The same stream gives the same source. */
  readonly sampleSource: (stream: RandomStream) => Source;
  /** Whether sources come again often enough that preparing them once pays. */
  readonly recurring: boolean;
  /** The operations that the space has, where results must stay within it. @default results may leave it */
  readonly operations?: readonly PrimitiveName[];
}
