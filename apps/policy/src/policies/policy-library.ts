import type { SchemeName } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import { PolicyInference, parseCheckpoint } from '@nat/nat';
import type { BlobStore, Database } from '@nat/storage';
import type { BundledPolicy } from './bundled.ts';
import { policyNames, versionNames } from './names.ts';
import { findPolicy, findVersion } from './policy-store.ts';
import type { PolicyTables } from './tables.ts';

/** A policy version ready to draw from. */
export interface ReadyPolicy {
  /** namespaces/* /policies/* /versions/* */
  readonly versionName: string;
  /** What it was learned with, and what a transform uses unless told otherwise. */
  readonly scheme: SchemeName;
  /** That it was learned on; empty where that is not known. */
  readonly space: string;
  /** Taken because the caller named none. */
  readonly isDefault: boolean;
  readonly policy: PolicyInference;
}

/** Compiled policies kept in memory; each is a few hundred kilobytes. */
const MAX_COMPILED = 32;

/** Finds policies by the names callers use, and keeps the compiled ones. */
export class PolicyLibrary {
  readonly #database: Database<PolicyTables>;
  readonly #blobs: BlobStore;
  readonly #bundled: ReadonlyMap<string, BundledPolicy>;
  readonly #compiled = new Map<string, PolicyInference>();

  constructor(options: { readonly database: Database<PolicyTables>; readonly blobs: BlobStore; readonly bundled: ReadonlyMap<string, BundledPolicy> }) {
    this.#database = options.database;
    this.#blobs = options.blobs;
    this.#bundled = options.bundled;
  }

  /**
   * @param reference a version's name, a policy's name, a bare policy id in `namespace`, or empty for the bundled policy of the scheme
   * @throws DomainError NOT_FOUND; FAILED_PRECONDITION NO_BUNDLED_POLICY
   */
  async resolve(namespace: string, reference: string, scheme: SchemeName | undefined): Promise<ReadyPolicy> {
    if (reference === '') return this.#default(namespace, scheme);
    if (versionNames.matches(reference)) {
      const { namespace: owner, policy, version } = versionNames.parse(reference, 'policy');
      return this.#load(owner, policy, Number(version));
    }
    if (policyNames.matches(reference)) {
      const { namespace: owner, policy } = policyNames.parse(reference, 'policy');
      return this.#load(owner, policy);
    }
    if (reference.includes('/'))
      throw DomainError.invalid('options.policy', 'must be an id, namespaces/*/policies/* or namespaces/*/policies/*/versions/*', 'INVALID_NAME');
    return this.#load(namespace, reference);
  }

  /** The bundled policy learned with the scheme, or the one that every scheme can use. */
  #default(namespace: string, scheme: SchemeName | undefined): ReadyPolicy {
    const bundled = this.#bundled.get(scheme ?? 'nat') ?? this.#bundled.get('nat');
    if (bundled === undefined) {
      throw new DomainError('FAILED_PRECONDITION', 'no policy comes with this platform: name one', { reason: 'NO_BUNDLED_POLICY' });
    }
    return { ...this.#ready(namespace, bundled), isDefault: true };
  }

  #ready(namespace: string, bundled: BundledPolicy): ReadyPolicy {
    return {
      versionName: versionNames.format({ namespace, policy: bundled.id, version: '1' }),
      scheme: bundled.scheme,
      space: bundled.space,
      isDefault: false,
      policy: this.#compile(bundled.sha256, () => new PolicyInference(bundled.checkpoint)),
    };
  }

  async #load(namespace: string, id: string, version?: number): Promise<ReadyPolicy> {
    const bundled = this.#bundled.get(id);
    if (bundled !== undefined && (version ?? 1) === 1) return this.#ready(namespace, bundled);
    const policy = await findPolicy(this.#database.kysely, namespace, id);
    const wanted = version ?? policy.default_version;
    const { sha256 } = await findVersion(this.#database.kysely, policy, wanted);
    const compiled = this.#compiled.get(sha256) ?? this.#compile(sha256, await this.#compiler(sha256));
    const versionName = versionNames.format({ namespace, policy: id, version: String(wanted) });
    return { versionName, scheme: policy.scheme, space: policy.space, isDefault: false, policy: compiled };
  }

  async #compiler(sha256: string): Promise<() => PolicyInference> {
    const checkpoint = parseCheckpoint(await this.#blobs.get(sha256));
    return () => new PolicyInference(checkpoint);
  }

  #compile(sha256: string, make: () => PolicyInference): PolicyInference {
    const known = this.#compiled.get(sha256);
    if (known !== undefined) {
      // Last used, last to go.
      this.#compiled.delete(sha256);
      this.#compiled.set(sha256, known);
      return known;
    }
    const compiled = make();
    this.#compiled.set(sha256, compiled);
    if (this.#compiled.size > MAX_COMPILED) this.#compiled.delete(this.#compiled.keys().next().value!);
    return compiled;
  }
}
