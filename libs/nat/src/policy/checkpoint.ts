/** A policy and the state of its learning, as plain data and as bytes. */
import { DomainError } from '@nat/base/errors';
import { decodeTensors, encodeTensors, initialAdamState, sha256, type AdamMoments, type HostTensor } from '@nat/tensor';
import type { RandomStream } from '@nat/base/random';
import { parseConfig, policyInitializers, type PolicyConfig } from './policy-config.ts';
import { FORMAT_1_EMBEDDINGS } from './features/operation-features.ts';
import { drawParameters } from './networks/parameters.ts';

/** Everything that the next step depends on. Never changed in place: the learner copies it. */
export interface PolicyCheckpoint {
  readonly config: PolicyConfig;
  readonly parameters: ReadonlyMap<string, HostTensor>;
  /** Adam's moments, by parameter. */
  readonly moments: ReadonlyMap<string, AdamMoments>;
  /** Updates made. */
  readonly step: number;
  /** The moving average of rewards (or, in the official form, of advantages). */
  readonly baseline: number;
}

/**
 * Format 1: an `edge` or `lstm` policy has embeddings of the operations of its time. Format 2: a policy knows operations by their features alone. A
 * policy stays in the format that it was created in; a `pair` policy has one form.
 */
const FORMATS = [1, 2] as const;
type Format = (typeof FORMATS)[number];
const METADATA = 'nat_policy';

/**
 * An untrained policy.
 * @throws DomainError INVALID_ARGUMENT, reason POLICY_CONFIG
 */
export function createCheckpoint(config: PolicyConfig, stream: RandomStream): PolicyCheckpoint {
  const parameters = drawParameters(policyInitializers(parseConfig(config)), stream);
  const { moments } = initialAdamState(new Map([...parameters].map(([name, { data }]) => [name, data])));
  return { config, parameters, moments, step: 0, baseline: 0 };
}

/** The same checkpoint always gives the same bytes: a safetensors file of `parameter/*`, `first/*` and `second/*`. */
export function serializeCheckpoint({ config, parameters, moments, step, baseline }: PolicyCheckpoint): Uint8Array {
  const tensors = new Map<string, HostTensor>();
  for (const [name, tensor] of parameters) {
    const { first, second } = moments.get(name)!;
    tensors.set(`parameter/${name}`, tensor);
    tensors.set(`first/${name}`, { shape: tensor.shape, data: first });
    tensors.set(`second/${name}`, { shape: tensor.shape, data: second });
  }
  return encodeTensors({ tensors, metadata: { [METADATA]: JSON.stringify({ format: formatOf(config), config: ordered(config), step, baseline }) } });
}

/** The config with its fields in one order, whoever made it. */
function ordered(config: PolicyConfig): PolicyConfig {
  const stated = Object.entries(config).filter(([name]) => name !== 'embeddings'); // the format says which
  return Object.fromEntries(stated.sort(([a], [b]) => (a < b ? -1 : 1))) as unknown as PolicyConfig;
}

function formatOf(config: PolicyConfig): Format {
  return config.encoder === 'pair' || config.embeddings !== undefined ? 1 : 2;
}

/** Lower-case hexadecimal SHA-256 of the serialized checkpoint. */
export function policySha256(checkpoint: PolicyCheckpoint): string {
  return sha256(serializeCheckpoint(checkpoint));
}

interface Described {
  readonly config: PolicyConfig;
  readonly step: number;
  readonly baseline: number;
}

function describedBy(text: string | undefined): Described {
  if (text === undefined) throw new DomainError('INVALID_ARGUMENT', 'a tensor file, but not of a policy', { reason: 'NOT_A_POLICY' });
  let described: { format?: unknown; config?: unknown; step?: unknown; baseline?: unknown } | null;
  try {
    described = JSON.parse(text) as typeof described;
  } catch (cause) {
    throw new DomainError('DATA_LOSS', 'policy: its description is not JSON', { reason: 'POLICY_HEADER', cause });
  }
  const { format } = described ?? {};
  if (!FORMATS.some((known) => known === format)) {
    throw new DomainError('INVALID_ARGUMENT', `policy: format ${JSON.stringify(format)} is not known here, only ${FORMATS.join(' and ')}`, {
      reason: 'POLICY_FORMAT',
    });
  }
  const { config, step, baseline } = described!;
  if (!Number.isSafeInteger(step) || (step as number) < 0 || !Number.isFinite(baseline)) {
    throw new DomainError('DATA_LOSS', 'policy: its description lacks a step or baseline', { reason: 'POLICY_HEADER' });
  }
  const parsed = parseConfig(config);
  const stated = parsed.encoder === 'pair' || format === 2 ? parsed : { ...parsed, embeddings: FORMAT_1_EMBEDDINGS };
  return { config: stated, step: step as number, baseline: baseline as number };
}

/**
 * Reads `serializeCheckpoint`'s bytes.
 * @throws DomainError DATA_LOSS for damaged bytes (reasons TENSOR_FILE_*, POLICY_HEADER, POLICY_TENSORS);
 * INVALID_ARGUMENT for sound bytes of something else (NOT_A_POLICY, POLICY_FORMAT, POLICY_CONFIG)
 */
export function parseCheckpoint(bytes: Uint8Array): PolicyCheckpoint {
  const { tensors, metadata } = decodeTensors(bytes);
  const { config, step, baseline } = describedBy(metadata[METADATA]);
  const shapes = Object.entries(policyInitializers(config));
  const take = (name: string, shape: readonly number[]): HostTensor => {
    const tensor = tensors.get(name);
    if (tensor?.shape.join() !== shape.join()) throw lost(`"${name}" is missing or not of shape [${shape.join(', ')}]`);
    if (!tensor.data.every(Number.isFinite)) throw lost(`"${name}" holds a number that is not finite`);
    return tensor;
  };
  const parameters = new Map(shapes.map(([name, { shape }]) => [name, take(`parameter/${name}`, shape)]));
  const moments = new Map(shapes.map(([name, { shape }]) => [name, { first: take(`first/${name}`, shape).data, second: take(`second/${name}`, shape).data }]));
  if (tensors.size !== 3 * shapes.length) throw lost(`${tensors.size} tensors where its config has ${3 * shapes.length}`);
  return { config, parameters, moments, step, baseline };
}

function lost(message: string): DomainError {
  return new DomainError('DATA_LOSS', `policy: ${message}`, { reason: 'POLICY_TENSORS' });
}
