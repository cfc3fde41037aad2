/** Protobuf JSON as people write it: checked against a message's descriptor, so that what is wrong is said of a field and not of the whole. */
import type { DescEnum, DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';

export type JsonObject = Readonly<Record<string, unknown>>;

export interface JsonProblem {
  /** Names of the fields on the way, as the contract's JSON has them; the last one may be none. */
  readonly path: readonly string[];
  readonly description: string;
}

/** The field of a name, in either of the spellings that protobuf JSON knows: `imageBatch` and `image_batch`. */
export function fieldNamed({ fields }: DescMessage, name: string): DescField | undefined {
  return fields.find(({ jsonName, name: protoName }) => jsonName === name || protoName === name);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The members of an object under their JSON names; nothing for a message field (`tabular:`) is an empty message. What does not fit is reported and left out. */
export function canonicalJson(message: DescMessage, value: unknown, report: (problem: JsonProblem) => void, path: readonly string[] = []): JsonObject {
  if (!isObject(value)) {
    report({ path, description: `has members: ${namesOf(message)}` });
    return {};
  }
  const members: Record<string, unknown> = {};
  const oneofs = new Map<string, string>();
  for (const [name, given] of Object.entries(value)) {
    const field = fieldNamed(message, name);
    if (field === undefined) {
      report({ path: [...path, name], description: `is no field of ${message.name}: ${namesOf(message)}` });
      continue;
    }
    const here = [...path, field.jsonName];
    const group = field.oneof === undefined || isSynthetic(field) ? undefined : field.oneof.name;
    const other = group === undefined ? undefined : oneofs.get(group);
    if (other !== undefined) report({ path: here, description: `is given beside ${other}: give one of the two` });
    if (group !== undefined) oneofs.set(group, field.jsonName);
    if (field.message !== undefined && !isWellKnown(field.message)) {
      members[field.jsonName] = canonicalJson(field.message, given ?? {}, report, here);
      continue;
    }
    const problem = problemOf(field, given);
    if (problem !== undefined) report({ path: here, description: problem });
    else members[field.jsonName] = given;
  }
  return members;
}

/** `optional` fields are oneofs of one member. */
function isSynthetic({ oneof }: DescField): boolean {
  return oneof?.fields.length === 1;
}

function isWellKnown({ typeName }: DescMessage): boolean {
  return typeName.startsWith('google.protobuf.');
}

function namesOf({ fields }: DescMessage): string {
  return fields.length === 0 ? 'none' : fields.map(({ jsonName }) => jsonName).join(', ');
}

/** Why a value is none of the field's; undefined where it is. */
function problemOf(field: DescField, value: unknown): string | undefined {
  if (field.enum !== undefined)
    return typeof value === 'string' && valuesOf(field.enum).includes(value) ? undefined : `is one of ${valuesOf(field.enum).join(', ')}`;
  if (field.message !== undefined) return typeof value === 'string' && /^\d+(\.\d+)?s$/.test(value) ? undefined : 'is a time in seconds, such as 90s';
  switch (field.scalar) {
    case ScalarType.STRING:
      return typeof value === 'string' ? undefined : 'is a text: put it in quotes';
    case ScalarType.BOOL:
      return typeof value === 'boolean' ? undefined : 'is true or false';
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return typeof value === 'number' && Number.isFinite(value) ? undefined : 'is a number';
    case ScalarType.INT64:
      // JSON of protobuf has them as text.
      return Number.isSafeInteger(typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value) ? undefined : 'is an integer';
    default:
      return Number.isSafeInteger(value) ? undefined : 'is an integer';
  }
}

/** Whether a field holds text: a value that looks like a number is text there. */
export function isText({ scalar }: DescField): boolean {
  return scalar === ScalarType.STRING;
}

function valuesOf({ values }: DescEnum): readonly string[] {
  return values.filter(({ number }) => number !== 0).map(({ name }) => name);
}
