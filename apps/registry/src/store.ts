import { architectureFromJson, architectureToJson, type Architecture, type Cost } from '@nat/cells';
import { computeEtag, type RequestStore } from '@nat/service';
import { json, type Database } from '@nat/storage';
import { sql, type Kysely, type Selectable, type Transaction } from 'kysely';
import { architectureNames, type Entry } from './entry.ts';
import type { ArchitectureTable, RegistryTables } from './tables.ts';

/** The database itself, or a transaction on it. */
export type Queryable = Kysely<RegistryTables> | Transaction<RegistryTables>;

export interface NewArchitecture {
  readonly namespace: string;
  readonly id: string;
  readonly displayName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly architecture: Architecture;
  readonly identity: string;
  readonly cost: Cost;
  readonly parentArchitecture: string;
}

type Row = Selectable<ArchitectureTable>;
type RowWithoutForm = Omit<Row, 'form'>;

function toEntry(row: RowWithoutForm & Partial<Pick<Row, 'form'>>): Entry {
  const { namespace, id, display_name: displayName, form } = row;
  const name = architectureNames.format({ namespace, architecture: id });
  return {
    name,
    displayName,
    labels: row.labels,
    architecture: form === undefined ? undefined : named(architectureFromJson(form, name), displayName),
    identity: row.identity,
    cost: { params: row.params, macs: row.macs, peakActivationBytes: row.peak_activation_bytes },
    parentArchitecture: row.parent_architecture,
    createTime: row.create_time,
    updateTime: row.update_time,
    etag: computeEtag([row.uid, row.revision]),
  };
}

/** Names of architectures are shorter than display names may be. */
const MAX_NAME = 128;

function named({ name: _, ...architecture }: Architecture, displayName: string): Architecture {
  return displayName === '' || displayName.length > MAX_NAME ? architecture : { ...architecture, name: displayName };
}

/** Gives the stored entry; undefined when the id is taken. */
export async function insertArchitecture(tx: Queryable, input: NewArchitecture): Promise<Entry | undefined> {
  const { namespace, id, displayName, labels, identity, cost, parentArchitecture } = input;
  const form = architectureToJson(named(input.architecture, ''));
  const row = await tx
    .insertInto('registry.architecture')
    .values({
      namespace,
      id,
      display_name: displayName,
      labels: json(labels),
      form: json(form),
      form_size: JSON.stringify(form).length,
      identity,
      params: cost.params,
      macs: cost.macs,
      peak_activation_bytes: cost.peakActivationBytes,
      parent_architecture: parentArchitecture,
    })
    .onConflict((conflict) => conflict.columns(['namespace', 'id']).doNothing())
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? undefined : toEntry(row);
}

export async function findArchitecture(tx: Queryable, namespace: string, id: string, lock = false): Promise<Entry | undefined> {
  const query = tx.selectFrom('registry.architecture').selectAll().where('namespace', '=', namespace).where('id', '=', id);
  const row = await (lock ? query.forUpdate() : query).executeTakeFirst();
  return row === undefined ? undefined : toEntry(row);
}

/** The row must be locked. */
export async function updatePresentation(
  tx: Queryable,
  { namespace, id, displayName, labels }: Pick<NewArchitecture, 'namespace' | 'id' | 'displayName' | 'labels'>,
): Promise<Entry> {
  const row = await tx
    .updateTable('registry.architecture')
    .set({ display_name: displayName, labels: json(labels), update_time: sql<Date>`clock_timestamp()`, revision: sql<number>`revision + 1` })
    .where('namespace', '=', namespace)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
  return toEntry(row);
}

export async function deleteArchitecture(tx: Queryable, namespace: string, id: string): Promise<void> {
  await tx.deleteFrom('registry.architecture').where('namespace', '=', namespace).where('id', '=', id).execute();
}

/** What a list is narrowed to; absent members do not narrow. */
export interface ArchitectureFilter {
  readonly identity?: string;
  readonly displayName?: string;
  readonly parentArchitecture?: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ArchitecturePage {
  readonly namespace: string;
  readonly filter: ArchitectureFilter;
  readonly afterUid: number;
  readonly limit: number;
  /** Forms of a page together, characters; one form alone may be larger. */
  readonly maxFormSize: number;
  readonly withForms: boolean;
}

/** Entries in order of creation, and the uid after which more follow; undefined at the end. */
export async function listArchitectures(
  tx: Queryable,
  page: ArchitecturePage,
): Promise<{ readonly entries: readonly Entry[]; readonly nextAfter: number | undefined }> {
  const { filter, limit } = page;
  let query = tx.selectFrom('registry.architecture').where('namespace', '=', page.namespace).where('uid', '>', page.afterUid);
  if (filter.identity !== undefined) query = query.where('identity', '=', filter.identity);
  if (filter.displayName !== undefined) query = query.where('display_name', '=', filter.displayName);
  if (filter.parentArchitecture !== undefined) query = query.where('parent_architecture', '=', filter.parentArchitecture);
  if (Object.keys(filter.labels).length > 0) query = query.where('labels', '@>', json(filter.labels));
  const found = await query
    .select(['uid', 'form_size'])
    .orderBy('uid')
    .limit(limit + 1)
    .execute();
  let total = 0;
  const fitting = found.slice(0, limit).filter(({ form_size: size }, index) => {
    total += page.withForms ? size : 0;
    return index === 0 || total <= page.maxFormSize;
  });
  const last = fitting.at(-1);
  if (last === undefined) return { entries: [], nextAfter: undefined };
  const rows = tx
    .selectFrom('registry.architecture')
    .where(
      'uid',
      'in',
      fitting.map(({ uid }) => uid),
    )
    .orderBy('uid');
  const entries = page.withForms ? (await rows.selectAll().execute()).map(toEntry) : (await rows.select(WITHOUT_FORM).execute()).map(toEntry);
  return { entries, nextAfter: found.length > fitting.length ? last.uid : undefined };
}

const WITHOUT_FORM = [
  'uid',
  'namespace',
  'id',
  'display_name',
  'labels',
  'form_size',
  'identity',
  'params',
  'macs',
  'peak_activation_bytes',
  'parent_architecture',
  'revision',
  'create_time',
  'update_time',
] as const satisfies readonly (keyof RowWithoutForm)[];

/** `request_id`s within one transaction. */
export function requestStore(tx: Queryable): RequestStore {
  return {
    claim: async (key, fingerprint) => {
      const result = await tx
        .insertInto('registry.request')
        .values({ key, fingerprint, response: null })
        .onConflict((conflict) => conflict.column('key').doNothing())
        .executeTakeFirst();
      return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
    },
    find: async (key) => await tx.selectFrom('registry.request').select(['fingerprint', 'response']).where('key', '=', key).executeTakeFirst(),
    complete: async (key, response) => {
      await tx.updateTable('registry.request').set({ response }).where('key', '=', key).execute();
    },
  };
}

/** Forgets answers older than that; gives how many. */
export async function forgetRequests(database: Database<RegistryTables>, olderThanMs: number): Promise<number> {
  const result = await database.kysely
    .deleteFrom('registry.request')
    .where('create_time', '<', sql<Date>`clock_timestamp() - make_interval(secs => ${olderThanMs / 1000})`)
    .executeTakeFirst();
  return Number(result.numDeletedRows);
}
