/** Supernets in this process. The one that was used last is kept: a search trains, then scores with what came out or trains on. */
import { officialSpace, type OfficialSpace } from '@nat/cells';
import { evaluation } from '@nat/contracts';
import { schemeFromWire } from '@nat/convert';
import { splitForSearch, type SearchSplits } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { Supernet } from '@nat/training';
import { decodeTensors, type TensorFile } from '@nat/tensor';
import type { TrainingContext } from './context.ts';

export interface Supernets {
  /** A supernet with the stored weights, fresh ones where there are none. It stays in memory, and is nobody's to dispose of. @throws DomainError NOT_FOUND, DATA_LOSS */
  readonly toScore: (supernet: evaluation.Supernet, weights: string | undefined) => Promise<Supernet>;
  /** The same to train on: the caller keeps it with `keep`, or disposes of it. */
  readonly toTrain: (supernet: evaluation.Supernet, weights: string | undefined) => Promise<Supernet>;
  /** A supernet to train on from a state. */
  readonly open: (supernet: evaluation.Supernet, state: TensorFile | undefined) => Supernet;
  /** Keeps what was trained, under the key of its stored weights. */
  readonly keep: (supernet: evaluation.Supernet, weights: string, trained: Supernet) => void;
  /** Key of the weights that are kept; empty: none, or fresh ones. */
  readonly loadedWeights: () => string;
}

/** A supernet that stays in memory. */
interface Kept {
  readonly identity: string;
  readonly weights: string | undefined;
  readonly shared: Supernet;
  /** Scoring brings parameters up to date in another place than undisturbed training does, which rounds otherwise. */
  scored: boolean;
}

export function createSupernets(context: TrainingContext): Supernets {
  let kept: Kept | undefined;
  const identityOf = (supernet: evaluation.Supernet, weights: string | undefined): string => JSON.stringify([supernet, weights ?? '']);
  const keep = (supernet: evaluation.Supernet, weights: string | undefined, shared: Supernet): Kept => {
    kept?.shared.dispose();
    return (kept = { identity: identityOf(supernet, weights), weights, shared, scored: false });
  };
  const stored = async (weights: string | undefined): Promise<TensorFile | undefined> =>
    weights === undefined ? undefined : decodeTensors(await context.blobs.get(weights));

  const open = (supernet: evaluation.Supernet, state: TensorFile | undefined): Supernet => {
    const { classes, imageSize } = context.dataset(supernet.dataset);
    const { channels, layers, seed, optimizer } = supernet;
    const given = Object.fromEntries(Object.entries(optimizer ?? {}).filter(([, value]) => value !== undefined));
    const shared = new Supernet({ tf: context.tensorflow(), space: spaceOf(supernet), channels, layers, imageSize, classes, seed, ...given });
    if (state !== undefined) shared.importState(state);
    return shared;
  };

  return {
    open,
    toScore: async (supernet, weights) => {
      const used = kept?.identity === identityOf(supernet, weights) ? kept : keep(supernet, weights, open(supernet, await stored(weights)));
      used.scored = true;
      return used.shared;
    },
    toTrain: async (supernet, weights) => {
      // Where the kept one gives the bits of the stored weights.
      if (kept === undefined || kept.scored || kept.identity !== identityOf(supernet, weights)) return open(supernet, await stored(weights));
      const { shared } = kept;
      kept = undefined;
      return shared;
    },
    keep,
    loadedWeights: () => kept?.weights ?? '',
  };
}

export function requiredSupernet(supernet: evaluation.Supernet | undefined): evaluation.Supernet {
  if (supernet === undefined) throw DomainError.invalid('supernet', 'is required');
  return supernet;
}

export function spaceOf({ wiring, scheme }: evaluation.Supernet): OfficialSpace {
  return officialSpace(
    schemeFromWire(scheme) === 'nat++' ? 'NATv2' : 'NAT',
    wiring === 'WIRING_LOOSE_END' ? 'LOOSE_END_PRIMITIVES' : 'FULLY_CONCAT_PRIMITIVES',
  );
}

/** The images of a search on the data set of its supernet. */
export function splitsOf({ dataset }: TrainingContext, supernet: evaluation.Supernet): SearchSplits {
  return splitForSearch(dataset(supernet.dataset), supernet.split === evaluation.SearchSplit.SEARCH_SPLIT_OFFICIAL ? 'official' : 'set-aside');
}
