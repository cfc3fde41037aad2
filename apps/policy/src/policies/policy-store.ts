import { DomainError } from '@nat/base/errors';
import type { SchemeName } from '@nat/cells';
import { sql, type Kysely, type Selectable, type Transaction } from 'kysely';
import type { PolicyTable, PolicyTables, VersionTable } from './tables.ts';

type Reader = Kysely<PolicyTables>;
export type PolicyRow = Selectable<PolicyTable>;
export type VersionRow = Selectable<VersionTable>;

/** @throws DomainError NOT_FOUND */
export async function findPolicy(reader: Reader, namespace: string, policyId: string): Promise<PolicyRow> {
  const row = await reader.selectFrom('policy.policy').selectAll().where('namespace', '=', namespace).where('policy_id', '=', policyId).executeTakeFirst();
  if (row === undefined) throw new DomainError('NOT_FOUND', `there is no policy ${policyId} in ${namespace}`, { reason: 'POLICY_NOT_FOUND' });
  return row;
}

/** @throws DomainError NOT_FOUND */
export async function findVersion(reader: Reader, policy: PolicyRow, version: number): Promise<VersionRow> {
  const row = await reader.selectFrom('policy.version').selectAll().where('policy', '=', policy.ordinal).where('version', '=', version).executeTakeFirst();
  if (row === undefined) throw new DomainError('NOT_FOUND', `policy ${policy.policy_id} has no version ${version}`, { reason: 'POLICY_VERSION_NOT_FOUND' });
  return row;
}

export async function listPolicies(
  reader: Reader,
  page: { readonly namespace: string; readonly after: number; readonly limit: number },
): Promise<readonly PolicyRow[]> {
  return reader
    .selectFrom('policy.policy')
    .selectAll()
    .where('namespace', '=', page.namespace)
    .where('ordinal', '>', page.after)
    .orderBy('ordinal')
    .limit(page.limit)
    .execute();
}

export async function listVersions(
  reader: Reader,
  page: { readonly policy: number; readonly after: number; readonly limit: number },
): Promise<readonly VersionRow[]> {
  return reader
    .selectFrom('policy.version')
    .selectAll()
    .where('policy', '=', page.policy)
    .where('version', '>', page.after)
    .orderBy('version')
    .limit(page.limit)
    .execute();
}

export interface NewVersion {
  readonly namespace: string;
  readonly policyId: string;
  readonly encoder: PolicyTable['encoder'];
  readonly scheme: SchemeName;
  readonly displayName?: string;
  readonly description?: string;
  /** namespaces/* /searches/*, for a policy that a search learned. */
  readonly search?: string;
  /** That it was learned on. @default not known */
  readonly space?: string;
  readonly step: number;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/**
 * Adds a version, making the policy when it is new; the newest version becomes the default. The checkpoint must be in the blob store already.
 * @throws DomainError FAILED_PRECONDITION when the policy is of another encoder or scheme, or belongs to another search
 */
export async function addVersion(tx: Transaction<PolicyTables>, version: NewVersion): Promise<{ readonly policy: PolicyRow; readonly version: VersionRow }> {
  const { namespace, policyId, encoder, scheme, search = '' } = version;
  await tx
    .insertInto('policy.policy')
    .values({
      namespace,
      policy_id: policyId,
      encoder,
      scheme,
      search,
      space: version.space ?? '',
      display_name: version.displayName ?? policyId,
      description: version.description ?? '',
      default_version: 0,
    })
    .onConflict((conflict) => conflict.columns(['namespace', 'policy_id']).doNothing())
    .execute();
  // The row's lock gives versions their numbers one after another.
  const policy = await tx
    .selectFrom('policy.policy')
    .selectAll()
    .where('namespace', '=', namespace)
    .where('policy_id', '=', policyId)
    .forUpdate()
    .executeTakeFirstOrThrow();
  if (policy.encoder !== encoder || policy.scheme !== scheme) {
    throw new DomainError('FAILED_PRECONDITION', `policy ${policyId} is of encoder ${policy.encoder} and scheme ${policy.scheme}`, {
      reason: 'POLICY_OF_ANOTHER_KIND',
    });
  }
  if (policy.search !== search)
    throw new DomainError('FAILED_PRECONDITION', `policy ${policyId} is written by another search`, { reason: 'POLICY_OF_ANOTHER_SEARCH' });
  const number = (await highestVersion(tx, policy)) + 1;
  const row = await tx
    .insertInto('policy.version')
    .values({ policy: policy.ordinal, version: number, step: version.step, sha256: version.sha256, size_bytes: version.sizeBytes })
    .returningAll()
    .executeTakeFirstOrThrow();
  return { policy: await promote(tx, policy, number), version: row };
}

/** Makes a version the default. The caller has checked that it exists. */
export async function promote(tx: Transaction<PolicyTables>, policy: PolicyRow, version: number): Promise<PolicyRow> {
  return tx
    .updateTable('policy.policy')
    .set({ default_version: version, revision: sql`revision + 1` })
    .where('ordinal', '=', policy.ordinal)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The highest number that a version has or had: numbers are not given twice. */
async function highestVersion(tx: Transaction<PolicyTables>, policy: PolicyRow): Promise<number> {
  const { highest } = await tx
    .selectFrom('policy.version')
    .select((select) => select.fn.coalesce(select.fn.max('version'), sql<number>`0`).as('highest'))
    .where('policy', '=', policy.ordinal)
    .executeTakeFirstOrThrow();
  return Math.max(highest, policy.last_version);
}

/** As `findPolicy`, keeping every other writer, and whoever would name it, out until the transaction ends. */
export async function lockPolicy(tx: Transaction<PolicyTables>, namespace: string, policyId: string): Promise<PolicyRow> {
  const { ordinal } = await findPolicy(tx, namespace, policyId);
  const row = await tx.selectFrom('policy.policy').selectAll().where('ordinal', '=', ordinal).forUpdate().executeTakeFirst();
  return row ?? findPolicy(tx, namespace, policyId);
}

/**
 * Keeps a version from being deleted until the transaction, which is about to name it, ends.
 * @throws DomainError NOT_FOUND when it is gone
 */
export async function holdVersion(tx: Transaction<PolicyTables>, namespace: string, policyId: string, version: number): Promise<void> {
  const policy = await findPolicy(tx, namespace, policyId);
  await tx.selectFrom('policy.policy').select('ordinal').where('ordinal', '=', policy.ordinal).forShare().execute();
  await findVersion(tx, policy, version);
}

/** With all its versions. The caller holds its lock and has checked that nothing refers to it. */
export async function deletePolicy(tx: Transaction<PolicyTables>, policy: PolicyRow): Promise<void> {
  await tx.deleteFrom('policy.policy').where('ordinal', '=', policy.ordinal).execute();
}

/** The caller holds the lock of the policy and has checked that nothing refers to the version. */
export async function deleteVersion(tx: Transaction<PolicyTables>, policy: PolicyRow, version: number): Promise<void> {
  const last = await highestVersion(tx, policy);
  await tx.deleteFrom('policy.version').where('policy', '=', policy.ordinal).where('version', '=', version).execute();
  await tx
    .updateTable('policy.policy')
    .set({ last_version: last, revision: sql`revision + 1` })
    .where('ordinal', '=', policy.ordinal)
    .execute();
}
