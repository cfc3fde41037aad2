import { create, fromBinary, ScalarType, toBinary, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { isReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import type { RandomStream } from '@nat/base/random';

/** Names and texts of the platform, so that some requests get past the checks of their form. */
const PLAUSIBLE = [
  'namespaces/default',
  'namespaces/default/architectures/fuzz',
  'namespaces/default/architectures/DARTS',
  'namespaces/default/policies/nat',
  'namespaces/default/policies/nat/versions/1',
  'namespaces/default/searches/fuzz',
  'namespaces/default/evaluations/fuzz',
  'namespaces/default/operations/fuzz',
  'fuzz',
  'DARTS',
  'nasbench201',
  'tabular',
  'c10_valid_200',
  'cifar10',
  '|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|',
  'Genotype(normal=[], normal_concat=[], reduce=[], reduce_concat=[])',
  'sep_conv_3x3',
  'state="RUNNING"',
  'edge',
  '0000000000000000000000000000000000000000000000000000000000000000',
];
const ODD = [
  '',
  ' ',
  '\0',
  '-',
  '..',
  '../../etc/passwd',
  'a/b/c',
  "'; DROP TABLE policy.search; --",
  'ﬀ😀\u202e',
  '*',
  '%',
  '9'.repeat(30),
  'x'.repeat(5_000),
  '[',
  '{"',
];
const NUMBERS = [0, 1, 2, 3, 7, 64, 1_000, 65_535, 2_147_483_647];
const FLOATS = [0, -0, 1, -1, 0.5, 1e-320, 1e308, NaN, Infinity, -Infinity];
const BIGS = [0n, 1n, -1n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const DEEPEST = 6;

const pick = <T>(stream: RandomStream, values: readonly T[]): T => values[stream.integer(values.length)]!;

function text(stream: RandomStream): string {
  const which = stream.uniform();
  if (which < 0.7) return pick(stream, PLAUSIBLE);
  if (which < 0.9) return pick(stream, ODD);
  return Array.from({ length: stream.integer(40) }, () => String.fromCodePoint(32 + stream.integer(0x2fff))).join('');
}

export function randomBytes(stream: RandomStream, most: number): Uint8Array {
  return Uint8Array.from({ length: stream.integer(most + 1) }, () => stream.integer(256));
}

function scalar(stream: RandomStream, type: ScalarType): unknown {
  switch (type) {
    case ScalarType.STRING:
      return text(stream);
    case ScalarType.BYTES:
      return randomBytes(stream, 64);
    case ScalarType.BOOL:
      return stream.integer(2) === 1;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return pick(stream, FLOATS);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return pick(stream, BIGS);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return pick(stream, BIGS.filter((value) => value >= 0n)); // prettier-ignore
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return pick(stream, NUMBERS);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return stream.integer(4) === 0 ? -pick(stream, NUMBERS) : pick(stream, NUMBERS);
  }
}

/** A value of a field without its repetition. */
function single(stream: RandomStream, field: DescField, depth: number): unknown {
  switch (field.fieldKind) {
    case 'scalar':
      return scalar(stream, field.scalar);
    case 'enum':
      return stream.integer(8) === 0 ? 99 : pick(stream, field.enum.values).number;
    case 'message':
      return contentOf(stream, field.message, depth + 1);
    case 'list':
      return Array.from({ length: stream.integer(4) }, () =>
        field.listKind === 'scalar'
          ? scalar(stream, field.scalar)
          : field.listKind === 'enum'
            ? pick(stream, field.enum.values).number
            : contentOf(stream, field.message, depth + 1),
      );
    case 'map': {
      const entries = Array.from({ length: stream.integer(3) }, () => [
        field.mapKey === ScalarType.STRING ? text(stream) : pick(stream, NUMBERS),
        field.mapKind === 'scalar' ? scalar(stream, field.scalar) : field.mapKind === 'enum' ? 0 : contentOf(stream, field.message, depth + 1),
      ]);
      return Object.fromEntries(entries);
    }
  }
}

/** What `create` takes: members of oneofs by case. */
function contentOf(stream: RandomStream, message: DescMessage, depth: number): Record<string, unknown> {
  const content: Record<string, unknown> = {};
  if (depth > DEEPEST) return content;
  for (const field of message.fields) {
    if (field.oneof === undefined && stream.uniform() < 0.7) content[field.localName] = single(stream, field, depth);
  }
  for (const oneof of message.oneofs) {
    if (stream.uniform() < 0.2) continue;
    const field = pick(stream, oneof.fields);
    content[oneof.localName] = { case: field.localName, value: single(stream, field, depth) };
  }
  return content;
}

/** A message of this type, well-formed on the wire, whatever it says. */
export function randomMessage(stream: RandomStream, message: DescMessage): Uint8Array {
  return toBinary(message, create(message, contentOf(stream, message, 0)));
}

/** How many rules of the contract a message of a type breaks, and in which of its fields, by their names in the contract. */
export type Check = (type: string, bytes: Uint8Array) => readonly { readonly field: string }[];

const REPAIRS = 60;

/** A message that breaks as few rules as can be had by drawing again what breaks them: it gets past the checks of its form. */
export function mostlyValidMessage(stream: RandomStream, message: DescMessage, check: Check): Uint8Array {
  let content = contentOf(stream, message, 0);
  let bytes = toBinary(message, create(message, content));
  let broken = check(message.typeName, bytes);
  for (let i = 0; i < REPAIRS && broken.length > 0; i++) {
    const [root] = broken[stream.integer(broken.length)]!.field.split(/[.[]/);
    const field = message.fields.find(({ name }) => name === root);
    if (field === undefined) break;
    const value = single(stream, field, 0);
    const next =
      field.oneof === undefined ? { ...content, [field.localName]: value } : { ...content, [field.oneof.localName]: { case: field.localName, value } };
    const nextBytes = toBinary(message, create(message, next));
    const nextBroken = check(message.typeName, nextBytes);
    if (nextBroken.length > broken.length) continue;
    [content, bytes, broken] = [next, nextBytes, nextBroken];
  }
  return bytes;
}

/** The message with one thing in it, at any depth, drawn anew. */
export function mutated(stream: RandomStream, message: DescMessage, bytes: Uint8Array): Uint8Array {
  const root = fromBinary(message, bytes);
  let at = reflect(message, root);
  for (let depth = 0; ; depth++) {
    const set = at.fields.filter((field) => at.isSet(field));
    const field = stream.integer(4) === 0 || set.length === 0 ? pick(stream, at.fields) : pick(stream, set);
    const inside =
      field.fieldKind === 'message' && at.isSet(field)
        ? at.get(field)
        : field.fieldKind === 'list' && field.listKind === 'message'
          ? at.get(field).get(0)
          : undefined;
    if (isReflectMessage(inside) && stream.integer(8) > 0 && depth < DEEPEST && inside.fields.length > 0) {
      at = inside;
      continue;
    }
    const content = { [field.localName]: single(stream, field, depth) };
    const fresh = create(
      at.desc,
      field.oneof === undefined ? content : { [field.oneof.localName]: { case: field.localName, value: content[field.localName] } },
    );
    const drawn = reflect(at.desc, fresh);
    if (field.fieldKind === 'list') {
      const list = at.get(field);
      list.clear();
      for (const item of drawn.get(field)) list.add(item);
    } else if (field.fieldKind === 'map') {
      const map = at.get(field);
      for (const [key, value] of drawn.get(field)) map.set(key, value);
    } else if (drawn.isSet(field)) at.set(field, drawn.get(field));
    else at.clear(field);
    return toBinary(message, root);
  }
}
