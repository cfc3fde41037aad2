import { applyOperations, type Architecture } from '@nat/cells';
import { type Environment, Episode } from '@nat/nat';
import type { RandomStream } from '@nat/base/random';

/** Shares of edges that random edits touch: small ones tell what an edit does, large ones what edits do together. */
const TOUCHED = [1 / 8, 1 / 4, 1 / 2];

/** A result of uniform edits on a share of the edges, the share drawn first. */
export function randomTransform(environment: Environment, stream: RandomStream, shares: readonly number[] = TOUCHED): Architecture {
  const share = shares[stream.integer(shares.length)]!;
  const sequence = new Episode(environment.space);
  const { scheme, priced } = environment.space;
  while (!sequence.done) {
    const allowed = sequence.legalActions().flatMap((isLegal, position) => (isLegal === 1 ? [position] : []));
    const keep = scheme.keep[priced.operations[environment.space.edges[sequence.at]!]!]!;
    sequence.step(stream.uniform() < share || !allowed.includes(keep) ? allowed[stream.integer(allowed.length)]! : keep);
  }
  return applyOperations(environment.architecture, sequence.operations);
}
