/** Field masks, by the contracts' own descriptors: paths are protobuf names, messages are ts-proto objects. */
import type { DescField, DescMessage, FileRegistry } from '@bufbuild/protobuf';
import { DomainError, type FieldViolation } from '@nat/base/errors';

interface MaskTree {
  readonly [field: string]: MaskTree | 'whole';
}

function describe(registry: FileRegistry, typeName: string): DescMessage {
  const descriptor = registry.getMessage(typeName);
  if (descriptor === undefined) throw new Error(`${typeName} is not in the descriptor image`);
  return descriptor;
}

/** Why `path` names no field of the message; undefined when it does. */
function problemOf(message: DescMessage, path: string): string | undefined {
  let current: DescMessage | undefined = message;
  for (const name of path.split('.')) {
    const field: DescField | undefined = current?.fields.find((one) => one.name === name);
    if (field === undefined) return `${message.name} has no field ${path}`;
    current = field.fieldKind === 'message' ? field.message : undefined;
  }
  return undefined;
}

/** Throws INVALID_ARGUMENT for paths that name no field. */
function checkPaths(message: DescMessage, mask: readonly string[], maskField: string): void {
  const violations: FieldViolation[] = mask.flatMap((path, index) => {
    const description = problemOf(message, path);
    return description === undefined ? [] : [{ field: `${maskField}.paths[${String(index)}]`, description }];
  });
  if (violations.length > 0) throw DomainError.invalidFields(violations, 'INVALID_FIELD_MASK');
}

/** Paths as a tree; a field named whole takes in every path below it. */
function toTree(mask: readonly string[]): MaskTree {
  const below = new Map<string, string[]>();
  for (const path of mask) {
    const [head = '', ...rest] = path.split('.');
    below.set(head, [...(below.get(head) ?? []), rest.join('.')]);
  }
  return Object.fromEntries([...below].map(([head, rests]) => [head, rests.includes('') ? 'whole' : toTree(rests)]));
}

function select(message: DescMessage, value: Readonly<Record<string, unknown>>, tree: MaskTree): Record<string, unknown> {
  const selected: Record<string, unknown> = {};
  for (const field of message.fields) {
    const below = tree[field.name];
    if (below === undefined) continue;
    const descend = (member: unknown): unknown =>
      below === 'whole' || field.fieldKind !== 'message' || member === undefined ? member : select(field.message, member as Record<string, unknown>, below);
    if (field.oneof === undefined) {
      selected[field.localName] = descend(value[field.localName]);
      continue;
    }
    const chosen = value[field.oneof.localName] as { $case: string; value: unknown } | undefined;
    if (chosen?.$case === field.localName) selected[field.oneof.localName] = { $case: chosen.$case, value: descend(chosen.value) };
  }
  return selected;
}

/**
 * The fields of `value` that the mask names; the others are absent, for `fromPartial` to fill with defaults. No mask, an
 * empty one or `*` keep everything. Throws INVALID_ARGUMENT, reason INVALID_FIELD_MASK, for unknown fields.
 */
export function applyReadMask<Message extends object>(
  registry: FileRegistry,
  typeName: string,
  value: Message,
  mask: readonly string[] | undefined,
): Partial<Message> {
  if (mask === undefined || mask.length === 0 || mask.includes('*')) return value;
  const message = describe(registry, typeName);
  checkPaths(message, mask, 'read_mask');
  return select(message, value as Record<string, unknown>, toTree(mask)) as Partial<Message>;
}

/**
 * The top-level fields that an update writes: those of the mask, or without one (or with `*`) all that may be written.
 * Throws INVALID_ARGUMENT for unknown fields and for those not in `writable`.
 */
export function updatedFields(registry: FileRegistry, typeName: string, mask: readonly string[] | undefined, writable: readonly string[]): readonly string[] {
  if (mask === undefined || mask.length === 0 || mask.includes('*')) return writable;
  checkPaths(describe(registry, typeName), mask, 'update_mask');
  const violations = mask.flatMap((path, index) =>
    writable.includes(path.split('.')[0] ?? '') ? [] : [{ field: `update_mask.paths[${String(index)}]`, description: `${path} cannot be updated` }],
  );
  if (violations.length > 0) throw DomainError.invalidFields(violations, 'IMMUTABLE_FIELD');
  return [...new Set(mask.map((path) => path.split('.')[0] ?? ''))];
}
