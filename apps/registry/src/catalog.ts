/** The registry's own work: the zoo and stored architectures seen as one catalogue. */
import type { Architecture } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import { requireEtag } from '@nat/service';
import type { Database } from '@nat/storage';
import { architectureNames, checkPresentation, measure, notFound, type Entry } from './entry.ts';
import {
  deleteArchitecture,
  findArchitecture,
  insertArchitecture,
  listArchitectures,
  updatePresentation,
  type ArchitectureFilter,
  type NewArchitecture,
  type Queryable,
} from './store.ts';
import type { RegistryTables } from './tables.ts';
import type { ZooEntries } from './zoo-entries.ts';

export interface CatalogOptions {
  readonly database: Database<RegistryTables>;
  readonly zoo: ZooEntries;
  /** Ids of architectures whose client chose none. */
  readonly newId: () => string;
}

export interface CreateInput {
  readonly namespace: string;
  /** Empty: chosen here. */
  readonly id: string;
  readonly architecture: Architecture;
  readonly displayName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly parentArchitecture: string;
}

/** Where a page starts: at an entry of the zoo, then after a stored one. */
export interface ListPosition {
  readonly zooIndex: number;
  readonly afterUid: number;
}

export interface ListInput {
  readonly namespace: string;
  readonly filter: ArchitectureFilter;
  readonly position: ListPosition;
  readonly limit: number;
  readonly withForms: boolean;
}

/** Ancestors followed at most: a chain of transforms is short, and a longer one is cut rather than read for ever. */
const MAX_LINEAGE = 256;
const MAX_PAGE_FORMS = 16 * 1024 * 1024;

/** Reads within `tx` where one is given. */
export interface Catalog {
  readonly create: (tx: Queryable, input: CreateInput) => Promise<Entry>;
  /** As `create`, but nothing is stored. */
  readonly check: (input: CreateInput) => Promise<Entry>;
  /** Throws NOT_FOUND. */
  readonly get: (name: string, tx?: Queryable) => Promise<Entry>;
  readonly list: (input: ListInput) => Promise<{ readonly entries: readonly Entry[]; readonly next: ListPosition | undefined }>;
  readonly update: (input: UpdateInput) => Promise<Entry>;
  readonly remove: (name: string, etag: string) => Promise<void>;
  /** Nearest first; ends at an ancestor that has none, or is gone. */
  readonly lineage: (name: string) => Promise<readonly Entry[]>;
}

export interface UpdateInput {
  readonly name: string;
  /** Empty: unchecked. */
  readonly etag: string;
  /** Absent members stay as they are. */
  readonly displayName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly validateOnly: boolean;
}

const matches = ({ identity, displayName, parentArchitecture, labels }: ArchitectureFilter, entry: Entry): boolean =>
  (identity === undefined || entry.identity === identity) &&
  (displayName === undefined || entry.displayName === displayName) &&
  (parentArchitecture === undefined || entry.parentArchitecture === parentArchitecture) &&
  Object.entries(labels).every(([key, value]) => entry.labels[key] === value);

export function createCatalog({ database, zoo, newId }: CatalogOptions): Catalog {
  const find = async (tx: Queryable, name: string, field: string, lock = false): Promise<Entry | undefined> => {
    const { namespace, architecture: id } = architectureNames.parse(name, field);
    return zoo.find(namespace, id) ?? (await findArchitecture(tx, namespace, id, lock));
  };
  const refuseZoo = (name: string): void => {
    const { namespace, architecture: id } = architectureNames.parse(name);
    if (zoo.find(namespace, id) === undefined) return;
    throw new DomainError('FAILED_PRECONDITION', `${name} comes with the platform and cannot be changed`, { reason: 'BUILT_IN', metadata: { name } });
  };
  const taken = (name: string): DomainError =>
    new DomainError('ALREADY_EXISTS', `${name} exists already`, { reason: 'ARCHITECTURE_EXISTS', metadata: { name } });

  const prepare = async (tx: Queryable, input: CreateInput): Promise<NewArchitecture> => {
    checkPresentation(input);
    const { namespace, parentArchitecture, architecture } = input;
    const id = input.id === '' ? newId() : input.id;
    if (zoo.find(namespace, id) !== undefined) throw taken(architectureNames.format({ namespace, architecture: id }));
    const parent = parentArchitecture === '' ? undefined : await find(tx, parentArchitecture, 'parent_architecture');
    if (parentArchitecture !== '' && parent === undefined) throw notFound(parentArchitecture);
    return { ...input, id, parentArchitecture: parent?.name ?? '', ...measure(architecture, 'source') };
  };

  return {
    create: async (tx, input) => {
      const prepared = await prepare(tx, input);
      const entry = await insertArchitecture(tx, prepared);
      if (entry === undefined) throw taken(architectureNames.format({ namespace: prepared.namespace, architecture: prepared.id }));
      return entry;
    },

    check: async (input) => {
      const { namespace, id, ...prepared } = await prepare(database.kysely, input);
      const name = architectureNames.format({ namespace, architecture: id });
      if ((await findArchitecture(database.kysely, namespace, id)) !== undefined) throw taken(name);
      return { ...prepared, name, etag: '' };
    },

    get: async (name, tx = database.kysely) => {
      const entry = await find(tx, name, 'name');
      if (entry === undefined) throw notFound(name);
      return entry;
    },

    list: async ({ namespace, filter, position, limit, withForms }) => {
      const all = zoo.list(namespace);
      const builtIn = all.map((entry, index) => ({ entry, index })).filter(({ entry, index }) => index >= position.zooIndex && matches(filter, entry));
      const page = builtIn.slice(0, limit);
      const following = builtIn[limit];
      const entries = page.map(({ entry }) => entry);
      if (following !== undefined) return { entries, next: { zooIndex: following.index, afterUid: 0 } };
      const { afterUid } = position;
      if (entries.length === limit) return { entries, next: { zooIndex: all.length, afterUid } };
      const rest = { namespace, filter, afterUid, limit: limit - entries.length, maxFormSize: MAX_PAGE_FORMS, withForms };
      const stored = await listArchitectures(database.kysely, rest);
      const next = stored.nextAfter === undefined ? undefined : { zooIndex: all.length, afterUid: stored.nextAfter };
      return { entries: [...entries, ...stored.entries], next };
    },

    update: async ({ name, etag, displayName, labels, validateOnly }) => {
      refuseZoo(name);
      return await database.transaction(async (tx) => {
        const current = await find(tx, name, 'architecture.name', true);
        if (current === undefined) throw notFound(name);
        requireEtag(etag, current.etag, name);
        const presentation = { displayName: displayName ?? current.displayName, labels: labels ?? current.labels };
        checkPresentation(presentation, 'architecture.');
        if (validateOnly) return { ...current, ...presentation };
        const { namespace, architecture: id } = architectureNames.parse(name);
        return await updatePresentation(tx, { namespace, id, ...presentation });
      });
    },

    remove: async (name, etag) => {
      refuseZoo(name);
      await database.transaction(async (tx) => {
        const current = await find(tx, name, 'name', true);
        if (current === undefined) throw notFound(name);
        requireEtag(etag, current.etag, name);
        const { namespace, architecture: id } = architectureNames.parse(name);
        await deleteArchitecture(tx, namespace, id);
      });
    },

    lineage: async (name) => {
      const first = await find(database.kysely, name, 'name');
      if (first === undefined) throw notFound(name);
      const ancestors: Entry[] = [];
      // An id can be deleted and used again, so a chain of names may come back to itself.
      const seen = new Set([first.name]);
      for (let parent = first.parentArchitecture; parent !== '' && !seen.has(parent) && ancestors.length < MAX_LINEAGE;) {
        seen.add(parent);
        const entry = await find(database.kysely, parent, 'name');
        if (entry === undefined) break;
        ancestors.push(entry);
        parent = entry.parentArchitecture;
      }
      return ancestors;
    },
  };
}
