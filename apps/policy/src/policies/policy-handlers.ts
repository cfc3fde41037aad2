import { policy as wire } from '@nat/contracts';
import { isKnownSpace, parseCheckpoint, SPACE_NAMES, type PolicyCheckpoint } from '@nat/nat';
import { DomainError, isDomainError } from '@nat/base/errors';
import {
  computeEtag,
  decodePageToken,
  encodePageToken,
  namespaceNames,
  pageSize as sizeOf,
  requestOnce,
  requireEtag,
  type RequestStore,
  type ServiceContext,
} from '@nat/service';
import type { BlobStore, Database } from '@nat/storage';
import { encoderToWire, schemeFromWire, schemeToWire, type EncoderName } from '@nat/convert';
import type { Transaction } from 'kysely';
import { z } from 'zod';
import type { BundledPolicy } from './bundled.ts';
import { policyNames, versionNames } from './names.ts';
import {
  addVersion,
  deletePolicy,
  deleteVersion,
  findPolicy,
  findVersion,
  listPolicies,
  listVersions,
  lockPolicy,
  promote,
  type PolicyRow,
  type VersionRow,
} from './policy-store.ts';
import type { PolicyTables } from './tables.ts';

/**
 * The name of something that a policy, or one version of it, may not be deleted from under; undefined where there is nothing. The transaction holds the
 * policy's lock.
 */
export type FindPolicyUse = (
  tx: Transaction<PolicyTables>,
  policy: { readonly namespace: string; readonly policy: string; readonly version?: string },
) => Promise<string | undefined>;

export interface PolicyHandlersOptions {
  readonly database: Database<PolicyTables>;
  readonly blobs: BlobStore;
  readonly bundled: ReadonlyMap<string, BundledPolicy>;
  readonly findUse: FindPolicyUse;
}

/** PolicyService. Bundled policies show up in every namespace, before its own. */
export function createPolicyHandlers({ database, blobs, bundled, findUse }: PolicyHandlersOptions): wire.PolicyServiceImplementation<ServiceContext> {
  return {
    getPolicy: async ({ name }) => {
      const { namespace, policy: id } = policyNames.parse(name);
      const own = bundled.get(id);
      if (own !== undefined) return bundledToWire(namespace, own);
      const row = await findPolicy(database.kysely, namespace, id);
      return policyToWire(row, await findVersion(database.kysely, row, row.default_version));
    },

    listPolicies: async ({ parent, pageSize, pageToken }) => {
      const { namespace } = namespaceNames.parse(parent, 'parent');
      const scope = { list: 'policies', parent };
      const after = decodePageToken(pageToken, scope, z.int()) ?? 0;
      const limit = sizeOf(pageSize);
      // Few and fixed, so they all come with the first page.
      const first = pageToken === '' ? [...bundled.values()].map((policy) => bundledToWire(namespace, policy)) : [];
      const rows = await listPolicies(database.kysely, { namespace, after, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const own = await Promise.all(page.map(async (row) => policyToWire(row, await findVersion(database.kysely, row, row.default_version))));
      return { policies: [...first, ...own], nextPageToken: rows.length > limit ? encodePageToken(page.at(-1)!.ordinal, scope) : '' };
    },

    listPolicyVersions: async ({ parent, pageSize, pageToken }) => {
      const { namespace, policy: id } = policyNames.parse(parent, 'parent');
      const own = bundled.get(id);
      if (own !== undefined) return { versions: [bundledVersion(namespace, own)], nextPageToken: '' };
      const row = await findPolicy(database.kysely, namespace, id);
      const scope = { list: 'versions', parent };
      const limit = sizeOf(pageSize);
      const rows = await listVersions(database.kysely, { policy: row.ordinal, after: decodePageToken(pageToken, scope, z.int()) ?? 0, limit: limit + 1 });
      const page = rows.slice(0, limit);
      return {
        versions: page.map((version) => versionToWire(row, version)),
        nextPageToken: rows.length > limit ? encodePageToken(page.at(-1)!.version, scope) : '',
      };
    },

    promotePolicyVersion: async ({ name, etag }) => {
      const { namespace, policy: id, version } = versionNames.parse(name);
      refuseBundled(bundled, id);
      return database.transaction(async (tx) => {
        const row = await findPolicy(tx, namespace, id);
        requireEtag(etag, etagOf(row), policyNames.format({ namespace, policy: id }));
        const found = await findVersion(tx, row, Number(version));
        return policyToWire(await promote(tx, row, found.version), found);
      });
    },

    importPolicy: async (request) => {
      const { parent, policyId, checkpoint, displayName, description, requestId, space } = request;
      const { namespace } = namespaceNames.parse(parent, 'parent');
      refuseBundled(bundled, policyId);
      if (space !== '' && !isKnownSpace(space)) throw DomainError.invalid('space', `is none of ${SPACE_NAMES.join(', ')}, nor of the zoo`, 'UNKNOWN_SPACE');
      const { config, step } = readCheckpoint(checkpoint);
      const encoder = servedEncoder({ config });
      const scheme = schemeFromWire(request.scheme) ?? 'nat';
      // The blob is durable before a row names it.
      const key = await blobs.put(checkpoint);
      return database.transaction((tx) =>
        requestOnce(
          {
            requestId,
            scope: `ImportPolicy:${parent}`,
            request,
            requestType: wire.ImportPolicyRequest,
            responseType: wire.PolicyVersion,
            store: requestStore(tx),
          },
          async () => {
            const added = await addVersion(tx, {
              namespace,
              policyId,
              encoder,
              scheme: config.encoder === 'pair' ? config.scheme : scheme,
              ...(displayName === '' ? {} : { displayName }),
              description,
              space,
              step,
              sha256: key,
              sizeBytes: checkpoint.length,
            });
            return versionToWire(added.policy, added.version);
          },
        ),
      );
    },

    deletePolicy: async ({ name, etag }) => {
      const { namespace, policy } = policyNames.parse(name);
      refuseBundled(bundled, policy);
      await database.transaction(async (tx) => {
        const row = await lockPolicy(tx, namespace, policy);
        requireEtag(etag, etagOf(row), name);
        refuseUse(name, await findUse(tx, { namespace, policy }));
        await deletePolicy(tx, row);
      });
      return {};
    },

    deletePolicyVersion: async ({ name, etag }) => {
      const { namespace, policy, version } = versionNames.parse(name);
      refuseBundled(bundled, policy);
      await database.transaction(async (tx) => {
        const row = await lockPolicy(tx, namespace, policy);
        requireEtag(etag, etagOf(row), policyNames.format({ namespace, policy }));
        const found = await findVersion(tx, row, Number(version));
        if (found.version === row.default_version) {
          throw new DomainError('FAILED_PRECONDITION', `${name} is the default version of its policy: promote another one before`, {
            reason: 'POLICY_VERSION_IS_DEFAULT',
            metadata: { name },
          });
        }
        refuseUse(name, await findUse(tx, { namespace, policy, version: String(found.version) }));
        await deleteVersion(tx, row, found.version);
      });
      return {};
    },

    exportPolicyVersion: async ({ name }) => {
      const { namespace, policy: id, version } = versionNames.matches(name) ? versionNames.parse(name) : { ...policyNames.parse(name), version: undefined };
      const own = bundled.get(id);
      if (own !== undefined) return { version: bundledVersion(namespace, own), checkpoint: own.bytes };
      const row = await findPolicy(database.kysely, namespace, id);
      const found = await findVersion(database.kysely, row, version === undefined ? row.default_version : Number(version));
      return { version: versionToWire(row, found), checkpoint: await blobs.get(found.sha256) };
    },
  };
}

function refuseBundled(bundled: ReadonlyMap<string, BundledPolicy>, id: string): void {
  if (bundled.has(id))
    throw new DomainError('FAILED_PRECONDITION', `policy ${id} comes with the platform and cannot be changed`, { reason: 'POLICY_IS_BUNDLED' });
}

function refuseUse(name: string, user: string | undefined): void {
  if (user === undefined) return;
  throw new DomainError('FAILED_PRECONDITION', `${user} needs ${name}: cancel it, or wait until it has ended`, {
    reason: 'POLICY_IN_USE',
    metadata: { name, user },
  });
}

/** The requests that a transaction has answered or is answering. */
export function requestStore(tx: Transaction<PolicyTables>): RequestStore {
  return {
    claim: async (key, fingerprint) => {
      const inserted = await tx
        .insertInto('policy.request')
        .values({ key, fingerprint, response: null })
        .onConflict((conflict) => conflict.column('key').doNothing())
        .executeTakeFirst();
      return (inserted.numInsertedOrUpdatedRows ?? 0n) > 0n;
    },
    find: (key) => tx.selectFrom('policy.request').select(['fingerprint', 'response']).where('key', '=', key).executeTakeFirst(),
    complete: async (key, response) => {
      await tx.updateTable('policy.request').set({ response }).where('key', '=', key).execute();
    },
  };
}

function etagOf({ namespace, policy_id: id, revision }: PolicyRow): string {
  return computeEtag([namespace, id, revision]);
}

function policyToWire(row: PolicyRow, version: VersionRow): wire.Policy {
  return {
    name: policyNames.format({ namespace: row.namespace, policy: row.policy_id }),
    policyId: row.policy_id,
    displayName: row.display_name,
    encoder: encoderToWire(row.encoder),
    scheme: schemeToWire(row.scheme),
    defaultVersion: versionToWire(row, version),
    search: row.search,
    bundled: false,
    createTime: row.create_time,
    etag: etagOf(row),
    description: row.description,
    space: row.space,
  };
}

function versionToWire(
  { namespace, policy_id: policy }: PolicyRow,
  { version, step, sha256: sum, size_bytes: sizeBytes, create_time: createTime }: VersionRow,
): wire.PolicyVersion {
  // Versions of before 2^32 steps were refused are answered too.
  return { name: versionNames.format({ namespace, policy, version: String(version) }), step: Math.min(step, MAX_STEP), sha256: sum, sizeBytes, createTime };
}

function bundledToWire(namespace: string, policy: BundledPolicy): wire.Policy {
  return {
    name: policyNames.format({ namespace, policy: policy.id }),
    policyId: policy.id,
    displayName: policy.displayName,
    encoder: encoderToWire(servedEncoder(policy.checkpoint)),
    scheme: schemeToWire(policy.scheme),
    defaultVersion: bundledVersion(namespace, policy),
    search: '',
    bundled: true,
    createTime: policy.createTime,
    etag: computeEtag([policy.id, policy.sha256]),
    description: policy.description,
    space: policy.space,
  };
}

function bundledVersion(namespace: string, { id, checkpoint, sha256: sum, bytes, createTime }: BundledPolicy): wire.PolicyVersion {
  return { name: versionNames.format({ namespace, policy: id, version: '1' }), step: checkpoint.step, sha256: sum, sizeBytes: bytes.length, createTime };
}

/** @throws DomainError INVALID_ARGUMENT for the encoder that nothing serves */
function servedEncoder({ config }: Pick<PolicyCheckpoint, 'config'>): EncoderName {
  if (config.encoder === 'lstm') throw DomainError.invalid('checkpoint', 'the lstm encoder is for ablations only: edge and pair are served', 'POLICY_CONFIG');
  return config.encoder;
}

/** Steps of a version that the contract can tell. */
const MAX_STEP = 2 ** 32 - 1;

/** @throws DomainError INVALID_ARGUMENT for bytes that are no policy, or of more steps than can be told: they are the caller's, not ours that went bad */
function readCheckpoint(bytes: Uint8Array): PolicyCheckpoint {
  try {
    const checkpoint = parseCheckpoint(bytes);
    if (checkpoint.step > MAX_STEP) throw DomainError.invalid('checkpoint', `${checkpoint.step} steps, at most ${MAX_STEP} can be told`, 'POLICY_STEP');
    return checkpoint;
  } catch (error) {
    if (isDomainError(error) && error.kind === 'DATA_LOSS') throw DomainError.invalid('checkpoint', error.message, error.reason);
    throw error;
  }
}
