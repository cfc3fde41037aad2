/** The JSON form of an architecture: every field of the representation, with a version. An operation with the default activation is its name alone. */
import { DomainError } from '@nat/base/errors';
import { z } from 'zod';
import { MAX_TEXT_LENGTH } from './genotype.ts';
import { primitive } from '../cell/operation.ts';
import { ACTIVATION_NAMES, ACTIVATIONS } from '../primitives/module-builder.ts';
import { PRIMITIVE_NAMES } from '../primitives/primitives.ts';
import type { Architecture, Cell, Edge, Operation, Skeleton } from '../cell/types.ts';
import { validateArchitecture } from '../cell/validate.ts';
import { architectureFromNni, isNniExport } from './nni.ts';

/** Version of the JSON form. A reader refuses any other. */
export const JSON_VERSION = 1;

const activation = z.enum(ACTIVATIONS);
const operation = z.union([
  z.enum(PRIMITIVE_NAMES),
  z.strictObject({ kind: z.literal('primitive'), name: z.enum(PRIMITIVE_NAMES), activation: activation.optional() }),
  z.strictObject({ kind: z.literal('fixed'), name: z.string(), params: z.number(), macs: z.number() }),
]);
const stride = z.union([z.literal(1), z.literal(2)]);
const edge = z.strictObject({
  from: z.number(),
  to: z.number(),
  operation,
  channels: z.strictObject({ in: z.number(), out: z.number() }).optional(),
  stride: stride.optional(),
});
const cell = z.strictObject({
  name: z.string(),
  inputs: z.number(),
  nodes: z.number(),
  edges: z.array(edge),
  output: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('concat'), nodes: z.array(z.number()) }),
    z.strictObject({ kind: z.literal('loose-ends') }),
    z.strictObject({ kind: z.literal('last') }),
  ]),
});
const skeleton = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('repeated') }),
  z.strictObject({ kind: z.literal('nasbench201') }),
  z.strictObject({
    kind: z.literal('explicit'),
    stem: z.strictObject({ channels: z.number(), kernel: z.union([z.literal(1), z.literal(3), z.literal(7)]), stride, activation }),
    placements: z.array(z.strictObject({ cell: z.string(), reads: z.array(z.number()) })),
    head: z.strictObject({ activation, conv: z.strictObject({ channels: z.number(), activation: z.enum(ACTIVATION_NAMES) }).optional() }),
    imageSize: z.union([z.number(), z.strictObject({ height: z.number(), width: z.number() })]),
    classes: z.number(),
  }),
]);
const document = z.strictObject({ version: z.literal(JSON_VERSION), name: z.string().optional(), cells: z.array(cell), skeleton });

/**
 * The architecture of a parsed JSON value.
 * @throws DomainError INVALID_ARGUMENT: reason INVALID_JSON for a wrong shape, INVALID_ARCHITECTURE for a shape that is no well-formed architecture
 */
export function architectureFromJson(value: unknown, root = 'architecture'): Architecture {
  const parsed = document.safeParse(value);
  if (!parsed.success) {
    const violations = parsed.error.issues.slice(0, 64).map((issue) => ({
      field: issue.path.reduce<string>((path, key) => (typeof key === 'number' ? `${path}[${key}]` : `${path}.${String(key)}`), root),
      description: issue.message,
    }));
    throw DomainError.invalidFields(violations, 'INVALID_JSON');
  }
  const { name, cells, skeleton: given } = parsed.data;
  const architecture: Architecture = {
    ...(name === undefined ? {} : { name }),
    cells: cells.map((each): Cell => ({ ...each, edges: each.edges.map(edgeFrom) })),
    skeleton: given.kind === 'explicit' ? explicitFrom(given) : given,
  };
  validateArchitecture(architecture, root);
  return architecture;
}

/** The architecture of a JSON text, in the JSON form or as NNI exports it. @throws DomainError as `architectureFromJson`, and INVALID_JSON for text that is not JSON */
export function readJson(text: string, root = 'architecture'): Architecture {
  if (text.length > MAX_TEXT_LENGTH) throw DomainError.invalid(root, `${text.length} characters, at most ${MAX_TEXT_LENGTH}`, 'INVALID_JSON');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw DomainError.invalid(root, error instanceof Error ? error.message : 'not JSON', 'INVALID_JSON');
  }
  return isNniExport(value) ? architectureFromNni(value, root) : architectureFromJson(value, root);
}

/** The architecture as a plain value for JSON. */
export function architectureToJson(architecture: Architecture): Record<string, unknown> {
  const { name, cells, skeleton: given } = architecture;
  return {
    version: JSON_VERSION,
    ...(name === undefined ? {} : { name }),
    cells: cells.map((each) => ({ ...each, edges: each.edges.map((one) => ({ ...one, operation: operationTo(one.operation) })) })),
    skeleton: given,
  };
}

/** JSON text. @param indent spaces an indentation level, 0 for one line */
export function writeJson(architecture: Architecture, indent = 0): string {
  return JSON.stringify(architectureToJson(architecture), undefined, indent);
}

function operationTo(value: Operation): unknown {
  return value.kind === 'primitive' && value.activation === undefined ? value.name : value;
}

function operationFrom(value: z.infer<typeof operation>): Operation {
  if (typeof value === 'string') return primitive(value);
  if (value.kind === 'fixed') return value;
  return value.activation === undefined ? primitive(value.name) : { kind: 'primitive', name: value.name, activation: value.activation };
}

function edgeFrom(value: z.infer<typeof edge>): Edge {
  return {
    from: value.from,
    to: value.to,
    operation: operationFrom(value.operation),
    ...(value.channels === undefined ? {} : { channels: value.channels }),
    ...(value.stride === undefined ? {} : { stride: value.stride }),
  };
}

function explicitFrom(value: Extract<z.infer<typeof skeleton>, { kind: 'explicit' }>): Skeleton {
  const { head } = value;
  return { ...value, head: head.conv === undefined ? { activation: head.activation } : { activation: head.activation, conv: head.conv } };
}
