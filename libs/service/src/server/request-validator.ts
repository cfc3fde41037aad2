/**
 * The rules written in the contracts (`buf.validate`), enforced on the bytes of every request before a handler sees it.
 */
import { fromBinary, type DescField, type DescMessage, type DescOneof, type FileRegistry } from '@bufbuild/protobuf';
import { isReflectList, isReflectMap, isReflectMessage, pathToString, reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { createValidator } from '@bufbuild/protovalidate';
import { DomainError, type FieldViolation } from '@nat/base/errors';

export interface RequestValidator {
  /** The rules that a message of this type breaks; empty when it breaks none. Throws on bytes that are no such message, and INTERNAL where a rule itself is wrong. */
  readonly check: (typeName: string, bytes: Uint8Array) => readonly FieldViolation[];
  /** False for a type that has no rule in it or below it: nothing is decoded for it. */
  readonly hasRules: (typeName: string) => boolean;
}

/** All violations are listed for requests up to this size; beyond it only the first, so that 10^5 bad edges cost no second pass. */
const FULL_REPORT_BYTES = 64 * 1024;

/** The field number of protovalidate's extensions of field, message and oneof options. */
const RULES = 1159;

const hasRule = ({ proto: { options } }: DescMessage | DescField | DescOneof): boolean => options?.$unknown?.some(({ no }) => no === RULES) ?? false;

/** True when the message or any message below it has a rule. */
function findRules(message: DescMessage, seen = new Set<DescMessage>()): boolean {
  if (seen.has(message)) return false;
  seen.add(message);
  return (
    [message, ...message.oneofs, ...message.fields].some(hasRule) ||
    message.fields.some((field) => field.message !== undefined && findRules(field.message, seen))
  );
}

/**
 * Patterns of our own contracts run on the platform's regular expressions, which are faster than the RE2 of the library;
 * contracts are code, so a pattern that backtracks is a bug to fix there, not an input.
 */
function createRegexMatcher(): (pattern: string, value: string) => boolean {
  const compiled = new Map<string, RegExp>();
  return (pattern, value) => {
    let regex = compiled.get(pattern);
    if (regex === undefined) {
      regex = new RegExp(pattern, 'u');
      compiled.set(pattern, regex);
    }
    return regex.test(value);
  };
}

/** Where a text holds U+0000, which no database row can. Looked for only in requests with a zero byte. */
function findNul(message: ReflectMessage, prefix = ''): readonly FieldViolation[] {
  const inValue = (value: unknown, path: string): readonly FieldViolation[] => {
    if (typeof value === 'string') return value.includes('\0') ? [{ field: path, description: 'holds the character U+0000' }] : [];
    return isReflectMessage(value) ? findNul(value, `${path}.`) : [];
  };
  return message.fields.flatMap((field) => {
    if (!message.isSet(field)) return [];
    const path = `${prefix}${field.name}`;
    const value: unknown = message.get(field);
    if (isReflectList(value)) return [...value].flatMap((item, i) => inValue(item, `${path}[${i}]`));
    if (isReflectMap(value)) return [...value].flatMap(([key, item]) => [...inValue(key, path), ...inValue(item, `${path}[${JSON.stringify(key)}]`)]);
    return inValue(value, path);
  });
}

export function createRequestValidator(registry: FileRegistry): RequestValidator {
  const regexMatch = createRegexMatcher();
  const first = createValidator({ registry, regexMatch, failFast: true });
  const every = createValidator({ registry, regexMatch });
  const withRules = new Map<string, DescMessage | undefined>();

  const descriptorWithRules = (typeName: string): DescMessage | undefined => {
    if (withRules.has(typeName)) return withRules.get(typeName);
    const descriptor = registry.getMessage(typeName);
    if (descriptor === undefined) throw new Error(`${typeName} is not in the descriptor image: run npm run generate`);
    const entry = findRules(descriptor) ? descriptor : undefined;
    withRules.set(typeName, entry);
    return entry;
  };

  return {
    hasRules: (typeName) => descriptorWithRules(typeName) !== undefined,
    check: (typeName, bytes) => {
      const descriptor = descriptorWithRules(typeName);
      if (descriptor === undefined) return [];
      const message = fromBinary(descriptor, bytes);
      let result = first.validate(descriptor, message);
      if (result.kind === 'invalid' && bytes.length <= FULL_REPORT_BYTES) result = every.validate(descriptor, message);
      // The contracts are wrong, not the request.
      if (result.kind === 'error') throw new DomainError('INTERNAL', `the rules of ${typeName} cannot be evaluated`, { cause: result.error });
      if (result.kind === 'valid') return bytes.includes(0) ? findNul(reflect(descriptor, message)) : [];
      return result.violations.map((violation) => ({ field: pathToString(violation.field), description: violation.message }));
    },
  };
}
