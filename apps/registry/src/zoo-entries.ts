import { listZoo, type ZooEntry } from '@nat/cells';
import { computeEtag } from '@nat/service';
import { architectureNames, measure, type Entry } from './entry.ts';

/** The zoo as entries: readable in every namespace under its names, written in none. */
export interface ZooEntries {
  /** Looked up without regard to case. */
  readonly find: (namespace: string, id: string) => Entry | undefined;
  readonly list: (namespace: string) => readonly Entry[];
}

/** Costs and identities are counted once, when they are first asked for. */
export function createZooEntries(): ZooEntries {
  const zoo = listZoo();
  const byName = new Map(zoo.map((item) => [item.name.toLowerCase(), item]));
  const measured = new Map<string, Omit<Entry, 'name' | 'parentArchitecture' | 'etag'>>();

  const measureOnce = ({ name, kind, architecture }: ZooEntry): Omit<Entry, 'name' | 'parentArchitecture' | 'etag'> => {
    let entry = measured.get(name);
    if (entry === undefined) {
      const built = architecture();
      entry = { displayName: name, labels: { origin: 'zoo', kind }, architecture: built, ...measure(built, 'zoo') };
      measured.set(name, entry);
    }
    return entry;
  };
  const toEntry = (namespace: string, item: ZooEntry): Entry => {
    const name = architectureNames.format({ namespace, architecture: item.name });
    const parentArchitecture = item.transformedFrom === undefined ? '' : architectureNames.format({ namespace, architecture: item.transformedFrom });
    return { ...measureOnce(item), name, parentArchitecture, etag: computeEtag(['zoo', item.name]) };
  };

  return {
    find: (namespace, id) => {
      const item = byName.get(id.toLowerCase());
      return item === undefined ? undefined : toEntry(namespace, item);
    },
    list: (namespace) => zoo.map((item) => toEntry(namespace, item)),
  };
}
