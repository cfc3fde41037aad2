import type { PrimitiveName, SchemeName } from '@nat/architecture';
import { DomainError } from '@nat/errors';
import { edgeInitializers, type EdgeConfig } from './edge-encoder.ts';
import { pairInitializers, type PairConfig } from './pair-encoder.ts';
import type { Initializers } from './parameters.ts';

/** What a policy is: which encoder, of which size. */
export type PolicyConfig = EdgeConfig | PairConfig;

/** The `edge` encoder at the size that the presets were tuned for. */
export const EDGE_POLICY: EdgeConfig = { encoder: 'edge', hidden: 64, layers: 3 };

/** The official network at its command-line defaults, for the operations of one official search space. */
export function officialPairPolicy(scheme: SchemeName, primitives: readonly PrimitiveName[]): PairConfig {
  return { encoder: 'pair', scheme, primitives, embedding: 100, features: 1024, hidden: 100 };
}

const MAX_WIDTH = 8192;

/** @throws DomainError INVALID_ARGUMENT, reason POLICY_CONFIG */
export function validateConfig(config: PolicyConfig): void {
  const whole = (field: string, value: unknown, high: number): { field: string; description: string }[] =>
    Number.isInteger(value) && (value as number) >= 1 && (value as number) <= high
      ? []
      : [{ field: `config.${field}`, description: `${String(value)} is not an integer from 1 to ${high}` }];
  const violations =
    config.encoder === 'edge'
      ? [...whole('hidden', config.hidden, MAX_WIDTH), ...whole('layers', config.layers, 64)]
      : config.encoder === 'pair'
        ? [...whole('embedding', config.embedding, MAX_WIDTH), ...whole('features', config.features, MAX_WIDTH), ...whole('hidden', config.hidden, MAX_WIDTH)]
        : [{ field: 'config.encoder', description: 'edge or pair' }];
  if (config.encoder === 'pair') {
    if (!Array.isArray(config.primitives) || config.primitives.length === 0 || new Set(config.primitives).size !== config.primitives.length)
      violations.push({ field: 'config.primitives', description: 'a list of distinct operations' });
    if (config.scheme !== 'nat' && config.scheme !== 'nat++') violations.push({ field: 'config.scheme', description: 'nat or nat++' });
  }
  if (violations.length > 0) throw DomainError.invalidFields(violations, 'POLICY_CONFIG');
}

/** Shapes and starting values of every parameter of a policy, by name. */
export function policyInitializers(config: PolicyConfig): Initializers {
  return config.encoder === 'edge' ? edgeInitializers(config) : pairInitializers(config);
}
