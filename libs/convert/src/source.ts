import { formatArchitecture, readGenotype, readJson, readNasBench201, validateArchitecture, zooArchitecture, type Architecture } from '@nat/cells';
import type { architecture as wire, evaluation } from '@nat/contracts';
import { DomainError, isDomainError } from '@nat/base/errors';
import { architectureFromSpec, architectureToSpec } from './architecture-spec.ts';

/** The architecture behind a resource name. Throws NOT_FOUND. */
export type ArchitectureLookup = (name: string) => Promise<Architecture>;

/**
 * The architecture a source means, validated.
 *
 * @param path where the source stands in the request, for field violations
 * @param lookup reads resource names; without it they are refused
 * @throws DomainError INVALID_ARGUMENT with field violations; NOT_FOUND for unknown names
 */
export async function architectureFromSource(source: wire.ArchitectureSource | undefined, path: string, lookup?: ArchitectureLookup): Promise<Architecture> {
  if (source?.source?.$case === 'architecture') {
    if (lookup === undefined) throw DomainError.invalid(`${path}.architecture`, 'resource names are not read here: send the spec', 'RESOURCE_NAME_NOT_READ');
    return lookup(source.source.value);
  }
  return architectureFromText(source, path);
}

/** As `architectureFromSource`, for sources that need no look-up; the hot path of transforms. */
export function architectureFromText(source: wire.ArchitectureSource | undefined, path: string): Architecture {
  const given = source?.source;
  const named = (architecture: Architecture): Architecture =>
    source === undefined || source.displayName === '' ? architecture : { ...architecture, name: source.displayName };
  switch (given?.$case) {
    case 'spec':
      return named(validated(architectureFromSpec(given.value, `${path}.spec`), `${path}.spec`));
    case 'genotype':
      return named(readGenotype(given.value, `${path}.genotype`));
    case 'zoo':
      return zooArchitecture(given.value);
    case 'nasbench201':
      return named(readNasBench201(given.value, `${path}.nasbench201`));
    case 'json':
      return named(readJson(given.value, `${path}.json`));
    case 'architecture':
      throw DomainError.invalid(`${path}.architecture`, 'resource names are not read here: send the spec', 'RESOURCE_NAME_NOT_READ');
    case undefined:
      throw DomainError.invalid(path, 'set one of spec, genotype, zoo, nasbench201, json, architecture', 'NO_SOURCE');
  }
}

/** The architecture a worker is asked to evaluate, validated. @throws DomainError INVALID_ARGUMENT, NOT_FOUND */
export function architectureFromSubject(subject: evaluation.Subject | undefined, path: string): Architecture {
  const given = subject?.subject;
  switch (given?.$case) {
    case 'spec':
      return validated(architectureFromSpec(given.value, `${path}.spec`), `${path}.spec`);
    case 'genotype':
      return readGenotype(given.value, `${path}.genotype`);
    case 'nasbench201':
      return readNasBench201(given.value, `${path}.nasbench201`);
    case 'zoo':
      return zooArchitecture(given.value);
    case undefined:
      throw DomainError.invalid(path, 'set one of spec, genotype, nasbench201, zoo', 'NO_SUBJECT');
  }
}

/** The shortest form of an architecture that a worker can read back. */
export function architectureToSubject(architecture: Architecture): evaluation.Subject {
  const { format, text } = formatArchitecture(architecture);
  switch (format) {
    case 'genotype':
      return { subject: { $case: 'genotype', value: text } };
    case 'nasbench201':
      return { subject: { $case: 'nasbench201', value: text } };
    case 'json':
      return { subject: { $case: 'spec', value: architectureToSpec(architecture) } };
  }
}

/** Validates what a spec said; violations name the fields of the contract. */
function validated(architecture: Architecture, path: string): Architecture {
  try {
    validateArchitecture(architecture, path);
  } catch (error) {
    if (!isDomainError(error) || error.violations.length === 0) throw error;
    const violations = error.violations.map(({ field, description }) => ({ field: fieldOfSpec(field, architecture), description }));
    throw DomainError.invalidFields(violations, error.reason);
  }
  return architecture;
}

/** What the contract calls a field of the domain, such as `cells[0].edges[2].primitive.name` for `cells[0].edges[2].operation.name`. */
function fieldOfSpec(field: string, { cells, skeleton }: Architecture): string {
  return field
    .replace(/\bcells\[(\d+)\]\.edges\[(\d+)\]\.operation\b/, (_, cell: string, edge: string) => {
      const kind = cells[Number(cell)]!.edges[Number(edge)]!.operation.kind;
      return `cells[${cell}].edges[${edge}].${kind}`;
    })
    .replace(/\bcells\[(\d+)\]\.output\b/, (_, cell: string) => `cells[${cell}].${cells[Number(cell)]!.output.kind.replace('-', '_')}`)
    .replace(/\bchannels\.(in|out)$/, 'channels.$1_channels')
    .replace(/\bskeleton\./, `${skeleton.kind}_skeleton.`)
    .replace(/\bconv\.(channels|activation)$/, 'conv_$1')
    .replace(/\bimageSize$/, 'image_size');
}
