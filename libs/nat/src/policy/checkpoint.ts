/** A policy and the state of its learning, as plain data and as bytes. */
import { DomainError } from '@nat/base/errors';
import { decodeTensors, encodeTensors, initialAdamState, sha256, type AdamMoments, type HostTensor } from '@nat/tensor';
import type { RandomStream } from '@nat/base/random';
import { parseConfig, policyInitializers, type PolicyConfig } from './policy-config.ts';
import { drawParameters } from './parameters.ts';

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

const FORMAT = 1;
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
  return encodeTensors({ tensors, metadata: { [METADATA]: JSON.stringify({ format: FORMAT, config: ordered(config), step, baseline }) } });
}

/** The config with its fields in one order, whoever made it. */
function ordered(config: PolicyConfig): PolicyConfig {
  return Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1))) as unknown as PolicyConfig;
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
  if (described?.format !== FORMAT) {
    throw new DomainError('INVALID_ARGUMENT', `policy: format ${JSON.stringify(described?.format)} is not known here, only ${FORMAT}`, {
      reason: 'POLICY_FORMAT',
    });
  }
  const { config, step, baseline } = described;
  if (!Number.isSafeInteger(step) || (step as number) < 0 || !Number.isFinite(baseline)) {
    throw new DomainError('DATA_LOSS', 'policy: its description lacks a step or baseline', { reason: 'POLICY_HEADER' });
  }
  return { config: parseConfig(config), step: step as number, baseline: baseline as number };
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
