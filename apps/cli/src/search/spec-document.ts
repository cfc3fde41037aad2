/** A search as it is put together from a file, flags and `--set`: every value remembers where it comes from, so that an error can say so. */
import { fromBinary, fromJson, toBinary, toJson, type DescMessage, type JsonValue } from '@bufbuild/protobuf';
import { search as wire } from '@nat/contracts';
import { DomainError, type FieldViolation } from '@nat/base/errors';
import { createContractRegistry, createRequestValidator, type ContractRegistry } from '@nat/service';
import { isMap, isScalar, LineCounter, parse, parseDocument, stringify, type Node, type YAMLMap } from 'yaml';
import { canonicalJson, fieldNamed, isObject, isText, type JsonObject } from './message-json.ts';

const TYPE = 'nat.search.v1.SearchSpec';

let contracts: { readonly registry: ContractRegistry; readonly message: DescMessage } | undefined;

/** The contract of a specification; read once. */
function readContract(): { readonly registry: ContractRegistry; readonly message: DescMessage } {
  if (contracts !== undefined) return contracts;
  const registry = createContractRegistry();
  const message = registry.getMessage(TYPE);
  if (message === undefined) throw new Error(`${TYPE} is not in the descriptor image: run npm run generate`);
  contracts = { registry, message };
  return contracts;
}

interface Assignment {
  readonly value: unknown;
  /** As it was written, for fields that hold text. */
  readonly text?: string;
  readonly origin: string;
}

export class SpecDocument {
  readonly #registry: ContractRegistry;
  readonly #message: DescMessage;
  #members: JsonObject = {};
  /** Where values come from, by path such as `learner.steps`. */
  readonly #origins = new Map<string, string>();
  readonly #problems: FieldViolation[] = [];

  constructor() {
    const { registry, message } = readContract();
    this.#registry = registry;
    this.#message = message;
  }

  /**
   * Takes the specification of a file: YAML, or JSON, which is YAML too.
   * @param origin what the file is called
   * @throws DomainError INVALID_ARGUMENT BAD_FILE for text that is neither
   */
  read(text: string, origin: string): void {
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined) throw DomainError.invalid(`${origin}:${lines.linePos(error.pos[0]).line}`, error.message, 'BAD_FILE');
    const lineOf = (node: Node): string => `${origin}:${lines.linePos(node.range?.[0] ?? 0).line}`;
    if (document.contents === null) throw DomainError.invalid(origin, 'is empty: nat search --print-spec writes one', 'BAD_FILE');
    this.#origins.set('', lineOf(document.contents));
    if (isMap(document.contents)) this.#note(document.contents, this.#message, [], lineOf);
    this.#members = canonicalJson(this.#message, document.toJS(), ({ path, description }) => {
      this.#refuse(path, description);
    });
  }

  /** The lines of a map's members. */
  #note(map: YAMLMap, message: DescMessage | undefined, path: readonly string[], lineOf: (node: Node) => string): void {
    for (const { key, value } of map.items) {
      if (!isScalar(key)) continue;
      const field = message === undefined ? undefined : fieldNamed(message, String(key.value));
      const here = [...path, field?.jsonName ?? String(key.value)];
      this.#origins.set(here.join('.'), lineOf(key));
      if (isMap(value)) this.#note(value, field?.message, here, lineOf);
    }
  }

  /**
   * Sets a field, in place of the other members of its oneof.
   * @param path names of fields, such as `reward.sharedWeights.epochs` or `reward.shared_weights.epochs`
   * @param origin what asks for it, for errors
   */
  set(path: string, value: unknown, origin: string): void {
    this.#members = this.#with(this.#members, this.#message, path.split('.'), [], { value, origin });
  }

  /** As `set`, of `path=value` whose value is written as in a file. */
  assign(assignment: string): void {
    const at = assignment.indexOf('=');
    const origin = `--set ${assignment}`;
    if (at <= 0) {
      this.#problems.push({ field: origin, description: 'is written FIELD=VALUE, such as learner.steps=500' });
      return;
    }
    const text = assignment.slice(at + 1);
    const path = assignment.slice(0, at).split('.');
    this.#members = this.#with(this.#members, this.#message, path, [], { value: readValue(text), text, origin });
  }

  /** The members of a message with an assignment to what is `names` below it. @param path from the specification to the message */
  #with(members: JsonObject, message: DescMessage, names: readonly string[], path: readonly string[], assignment: Assignment): JsonObject {
    const { value, text, origin } = assignment;
    const [name = '', ...rest] = names;
    const field = fieldNamed(message, name);
    if (field === undefined || (rest.length > 0 && field.message === undefined)) {
      const description = field === undefined ? `has no ${name}: it has ${message.fields.map(({ jsonName }) => jsonName).join(', ')}` : `${name} has no fields`;
      this.#problems.push({ field: origin, description: `${path.join('.') || 'a search'} ${description}` });
      return members;
    }
    const here = [...path, field.jsonName];
    const others = new Set(field.oneof?.fields.map(({ jsonName }) => jsonName));
    others.delete(field.jsonName);
    const kept = Object.fromEntries(Object.entries(members).filter(([key]) => !others.has(key)));
    this.#origins.set(here.join('.'), origin);
    if (rest.length > 0 && field.message !== undefined) {
      const below = members[field.jsonName];
      return { ...kept, [field.jsonName]: this.#with(isObject(below) ? below : {}, field.message, rest, here, assignment) };
    }
    const descriptions: string[] = [];
    const checked = canonicalJson(message, { [field.jsonName]: text !== undefined && isText(field) ? text : value }, ({ description }) => {
      descriptions.push(description);
    });
    this.#problems.push(...descriptions.map((description) => ({ field: origin, description })));
    return descriptions.length > 0 ? members : { ...kept, ...checked };
  }

  /** The member of a path; undefined where it was not given. */
  get(path: string): unknown {
    return path.split('.').reduce<unknown>((members, name) => (isObject(members) ? members[name] : undefined), this.#members);
  }

  /** Makes it a problem that a path was not given. @param field what would have given it */
  require(path: string, field: string, description: string): void {
    if (this.get(path) === undefined) this.#problems.push({ field, description });
  }

  /** The specification. @throws DomainError INVALID_ARGUMENT with every field that does not fit, and where it stands */
  toMessage(): wire.SearchSpec {
    if (this.#problems.length > 0) throw DomainError.invalidFields(this.#problems, 'INVALID_SEARCH');
    const bytes = toBinary(this.#message, fromJson(this.#message, this.#members as JsonValue, { registry: this.#registry }));
    const violations = createRequestValidator(this.#registry).check(TYPE, bytes);
    if (violations.length > 0) throw this.locate(DomainError.invalidFields(violations, 'INVALID_SEARCH'));
    return wire.SearchSpec.decode(bytes);
  }

  /** An error that names fields of the specification, with the places where they were given. @param prefix what stands before the fields */
  locate(error: DomainError, prefix = ''): DomainError {
    const located = error.violations.map(({ field, description }) => {
      if (!field.startsWith(prefix)) return { field, description };
      const path = field
        .slice(prefix.length)
        .split('.')
        .map((name) => name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()));
      return { field: this.#placeOf(path), description };
    });
    return DomainError.invalidFields(located, error.reason);
  }

  #refuse(path: readonly string[], description: string): void {
    this.#problems.push({ field: this.#placeOf(path), description });
  }

  /** `search.yaml:12: learner.steps`, or the flag that set it. */
  #placeOf(path: readonly string[]): string {
    for (let length = path.length; length >= 0; length--) {
      const origin = this.#origins.get(path.slice(0, length).join('.'));
      if (origin !== undefined) return origin.startsWith('--') ? origin : `${origin}: ${path.join('.')}`;
    }
    return path.join('.');
  }
}

/** A value as a file has it; text that is no YAML is text. */
function readValue(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return text;
  }
}

/** A specification as a file for `-f`. */
export function formatSpec(spec: wire.SearchSpec): string {
  const { registry, message } = readContract();
  const members = toJson(message, fromBinary(message, wire.SearchSpec.encode(spec).finish()), { registry });
  // Integers of 64 bits are text in JSON; the one there is fits a number.
  return stringify(isObject(members) && spec.seed !== undefined ? { ...members, seed: spec.seed } : members, { lineWidth: 0 });
}
