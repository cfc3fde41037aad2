import { DomainError } from '@nat/base/errors';

type Variables<Pattern extends string> = Pattern extends `${string}{${infer Name}}${infer Rest}` ? Name | Variables<Rest> : never;

/** Names of one kind of resource, such as `namespaces/{namespace}/architectures/{architecture}`. */
export interface ResourceNames<Pattern extends string> {
  readonly pattern: Pattern;
  readonly format: (ids: Readonly<Record<Variables<Pattern>, string>>) => string;
  /** Throws INVALID_ARGUMENT at `field` when the name is of another kind. */
  readonly parse: (name: string, field?: string) => Readonly<Record<Variables<Pattern>, string>>;
  readonly matches: (name: string) => boolean;
}

/** Ids are 1 to 200 letters, digits and `.`, `_`, `-`, `+`; the contracts may be stricter. */
const ID = '([A-Za-z0-9._+-]{1,200})';

export function resourceNames<Pattern extends string>(pattern: Pattern): ResourceNames<Pattern> {
  const variables = [...pattern.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as Variables<Pattern>);
  const regex = new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, ID)}$`);
  return {
    pattern,
    format: (ids) => pattern.replaceAll(/\{(\w+)\}/g, (_match, name: Variables<Pattern>) => ids[name]),
    parse: (name, field = 'name') => {
      const match = regex.exec(name);
      if (match === null) throw DomainError.invalid(field, `must look like ${pattern}`, 'INVALID_NAME');
      return Object.fromEntries(variables.map((variable, index) => [variable, match[index + 1]])) as Record<Variables<Pattern>, string>;
    },
    matches: (name) => regex.test(name),
  };
}

export const namespaceNames = resourceNames('namespaces/{namespace}');
