import { readdir, readFile } from 'node:fs/promises';
import type { SchemeName } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import { sha256 } from '@nat/tensor';
import { isKnownSpace, parseCheckpoint, type PolicyCheckpoint } from '@nat/nat';
import { z } from 'zod';

const card = z.object({
  displayName: z.string().min(1),
  scheme: z.enum(['nat', 'nat++']),
  space: z.string().refine(isKnownSpace, 'is no space'),
  description: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  createTime: z.iso.datetime(),
});

/** A policy that comes with the platform: readable in every namespace, never changed. */
export interface BundledPolicy {
  readonly id: string;
  readonly displayName: string;
  readonly scheme: SchemeName;
  /** That it was learned on. */
  readonly space: string;
  readonly description: string;
  readonly sha256: string;
  readonly createTime: Date;
  readonly bytes: Uint8Array;
  readonly checkpoint: PolicyCheckpoint;
}

/** Where the platform's own policies lie: `<id>.safetensors` with a model card `<id>.json` beside it. */
const BUNDLED_DIRECTORY = new URL('../../bundled/', import.meta.url);

/** @throws DomainError DATA_LOSS when a checkpoint is not the one its card describes */
export async function loadBundledPolicies(directory: URL = BUNDLED_DIRECTORY): Promise<ReadonlyMap<string, BundledPolicy>> {
  const files = await readdir(directory);
  const ids = files.filter((file) => file.endsWith('.safetensors')).map((file) => file.slice(0, -'.safetensors'.length));
  const policies = await Promise.all(ids.sort().map((id) => load(id, directory)));
  return new Map(policies.map((policy) => [policy.id, policy]));
}

async function load(id: string, directory: URL): Promise<BundledPolicy> {
  const [text, bytes] = await Promise.all([
    readFile(new URL(`${encodeURIComponent(id)}.json`, directory), 'utf8'),
    readFile(new URL(`${encodeURIComponent(id)}.safetensors`, directory)),
  ]);
  const described = card.parse(JSON.parse(text));
  const sum = sha256(bytes);
  if (sum !== described.sha256)
    throw new DomainError('DATA_LOSS', `bundled policy ${id}: sha256 ${sum}, its card says ${described.sha256}`, { reason: 'BUNDLED_POLICY' });
  return { ...described, id, createTime: new Date(described.createTime), bytes, checkpoint: parseCheckpoint(bytes) };
}
