/**
 * A search over a whole space whose evaluations are dear: a few random edits of each of a few sources are evaluated, one reward model learns what edits
 * are worth whatever the source, and policies learn from the model. The sources that policies are judged on are others.
 */
import { formatArchitecture, zooArchitecture, type Architecture, type PlacementOptions, type SchemeName } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import { type Environment, EnvironmentCache, openSpace } from '@nat/nat';
import { RandomStream } from '@nat/base/random';
import { randomTransform } from './random-transform.ts';

export interface SampleOptions {
  /** Name of the space that random sources are drawn from, as `openSpace` takes it; not nasbench201. */
  readonly space: string;
  /** A source beside the random ones: the architecture of the zoo that the space is named after. */
  readonly zoo: string;
  readonly placement: PlacementOptions;
  readonly seed: number;
  /** The zoo's included. */
  readonly sources: number;
  /** Edits of each source. */
  readonly edits: number;
}

/** An architecture to evaluate. */
export interface SampledChild {
  /** Text of the source that it was made from; of a source its own. */
  readonly source: string;
  readonly architecture: Architecture;
}

/** Edits take the lattice of NAT++, which holds the actions of NAT. */
const SCHEME: SchemeName = 'nat++';
/** Shares of edges that edits touch, in turn. Policies touch many at once, so a model has to know what comes of that. */
const SHARES = [1 / 4, 1 / 2, 1];
const MOST_DRAWS = 1_000;

/** Sources, each followed by its edits. No architecture comes twice. @throws DomainError FAILED_PRECONDITION SPACE_TOO_SMALL */
export function sampleSpace({ space, zoo, placement, seed, sources, edits }: SampleOptions): readonly SampledChild[] {
  const environments = new EnvironmentCache({ scheme: SCHEME, mode: 'cost-masked', placement });
  const known = new Set<string>();
  const fresh = (draw: (attempt: number) => Architecture): Architecture => firstNew(known, space, draw);
  return Array.from({ length: sources }, (_, i) => {
    const architecture =
      i === 0 ? fresh(() => zooArchitecture(zoo)) : fresh((attempt) => drawSource(space, SCHEME, RandomStream.of(seed, 'source', i, attempt)));
    const source = formatArchitecture(architecture).text;
    const environment = environments.of({ text: source, architecture });
    const edited = Array.from({ length: edits }, (_, edit) => fresh((attempt) => editOf(environment, edit, RandomStream.of(seed, 'edit', i, edit, attempt))));
    return [architecture, ...edited].map((child) => ({ source, architecture: child }));
  }).flat();
}

/** Random sources of the space that are none of the sampled: what both schemes know, so operations of NAT's list. */
export function heldOutSources(
  { space, seed }: Pick<SampleOptions, 'space' | 'seed'>,
  sampled: readonly SampledChild[],
  count: number,
): readonly Architecture[] {
  const known = new Set(sampled.map(({ architecture }) => formatArchitecture(architecture).text));
  return Array.from({ length: count }, (_, i) => firstNew(known, space, (attempt) => drawSource(space, 'nat', RandomStream.of(seed, 'held-out', i, attempt))));
}

function drawSource(space: string, scheme: SchemeName, stream: RandomStream): Architecture {
  const loadTable = (): never => {
    throw DomainError.invalid('space', `${space} is evaluated by its table`, 'TABULAR_SPACE');
  };
  return openSpace(space, { scheme, loadTable }).sampleSource(stream).architecture;
}

function editOf(environment: Environment, edit: number, stream: RandomStream): Architecture {
  return randomTransform(environment, stream, [SHARES[edit % SHARES.length]!]);
}

/** The first draw whose text is not known; from then on it is. */
function firstNew(known: Set<string>, space: string, draw: (attempt: number) => Architecture): Architecture {
  for (let attempt = 0; attempt < MOST_DRAWS; attempt++) {
    const architecture = draw(attempt);
    const { text } = formatArchitecture(architecture);
    if (known.has(text)) continue;
    known.add(text);
    return architecture;
  }
  throw new DomainError('FAILED_PRECONDITION', `${space} has no architecture left that was not drawn`, { reason: 'SPACE_TOO_SMALL' });
}
