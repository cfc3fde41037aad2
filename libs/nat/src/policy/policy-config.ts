import { isPrimitiveName, type PrimitiveName, type SchemeName } from '@nat/cells';
import { DomainError } from '@nat/base/errors';
import { z } from 'zod';
import { edgeGnnInitializers, type EdgeGnnConfig } from './networks/edge-gnn.ts';
import { lstmInitializers, type LstmConfig } from './networks/lstm.ts';
import { gcnInitializers, type GcnConfig } from './networks/gcn.ts';
import type { Initializers } from './networks/parameters.ts';

/** What a policy is: which encoder, of which size. */
export type PolicyConfig = EdgeGnnConfig | GcnConfig | LstmConfig;

/** The `edge` encoder at the size that the presets were tuned for. */
export const EDGE_POLICY: EdgeGnnConfig = { encoder: 'edge', hidden: 48, layers: 2 };

/** The `lstm` encoder with about as many parameters (38,686) as EDGE_POLICY has (39,408). */
export const LSTM_POLICY: LstmConfig = { encoder: 'lstm', hidden: 46, layers: 2 };

/** The official network at its command-line defaults, for the operations of one official search space. */
export function officialGcnPolicy(scheme: SchemeName, primitives: readonly PrimitiveName[]): GcnConfig {
  return { encoder: 'pair', scheme, primitives, embedding: 100, features: 1024, hidden: 100 };
}

const width = z.int().min(1).max(8192);
const embeddings = z.array(z.string().min(1).max(64)).max(1024).optional();
const schema = z.discriminatedUnion('encoder', [
  z.strictObject({ encoder: z.literal('edge'), hidden: width, layers: z.int().min(1).max(64), embeddings }),
  z.strictObject({ encoder: z.literal('lstm'), hidden: width, layers: z.int().min(1).max(64), embeddings }),
  z.strictObject({
    encoder: z.literal('pair'),
    scheme: z.enum(['nat', 'nat++']),
    primitives: z
      .array(z.custom<PrimitiveName>(isPrimitiveName, 'not an operation'))
      .min(1)
      .refine((names) => new Set(names).size === names.length, 'names an operation twice'),
    embedding: width,
    features: width,
    hidden: width,
  }),
]);

/**
 * A config from data of any origin.
 * @throws DomainError INVALID_ARGUMENT, reason POLICY_CONFIG
 */
export function parseConfig(value: unknown): PolicyConfig {
  const result = schema.safeParse(value);
  if (result.success) return withoutAbsent(result.data);
  const violations = result.error.issues.map(({ path, message }) => ({ field: ['config', ...path].join('.'), description: message }));
  throw DomainError.invalidFields(violations, 'POLICY_CONFIG');
}

/** An absent field is left out, not undefined. */
function withoutAbsent(config: z.infer<typeof schema>): PolicyConfig {
  if (config.encoder === 'pair') return config;
  const { embeddings: names, ...rest } = config;
  return names === undefined ? rest : { ...rest, embeddings: names };
}

/** Shapes and starting values of every parameter of a policy, by name. */
export function policyInitializers(config: PolicyConfig): Initializers {
  switch (config.encoder) {
    case 'edge':
      return edgeGnnInitializers(config);
    case 'lstm':
      return lstmInitializers(config);
    case 'pair':
      return gcnInitializers(config);
  }
}
