import { formatArchitecture, readGenotype, readJson, readNasBench201, textFormat, validateArchitecture, zooArchitecture, type Architecture } from '@nat/cells';
import type { architecture as wire } from '@nat/contracts';
import { DomainError, isDomainError } from '@nat/base/errors';
import { architectureFromSpec, architectureToSpec } from './architecture-spec.ts';

/** The architecture behind a resource name. Throws NOT_FOUND. */
export type ArchitectureLookup = (name: string) => Promise<Architecture>;

/**
 * The architecture that is meant, validated.
 *
 * @param path where the reference stands in the request, for field violations
 * @param lookup reads resource names; without it they are refused
 * @throws DomainError INVALID_ARGUMENT with field violations; NOT_FOUND for unknown names
 */
export async function resolveArchitecture(ref: wire.ArchitectureRef | undefined, path: string, lookup?: ArchitectureLookup): Promise<Architecture> {
  if (ref?.ref?.$case === 'architecture' && lookup !== undefined) return lookup(ref.ref.value);
  return architectureFromRef(ref, path);
}

/**
 * As `resolveArchitecture`, for references that say all of the architecture.
 *
 * @throws DomainError INVALID_ARGUMENT with field violations; NOT_FOUND for unknown names of the zoo
 */
export function architectureFromRef(ref: wire.ArchitectureRef | undefined, path: string): Architecture {
  const given = ref?.ref;
  const { displayName = '' } = ref ?? {};
  const named = (architecture: Architecture): Architecture => (displayName === '' ? architecture : { ...architecture, name: displayName });
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
      throw DomainError.invalid(path, 'set one of spec, genotype, nasbench201, zoo, json, architecture', 'NO_ARCHITECTURE');
  }
}

/** The shortest reference that says all of an architecture; its display name is left out. */
export function architectureToRef(architecture: Architecture): wire.ArchitectureRef {
  const { format, text } = formatArchitecture(architecture);
  switch (format) {
    case 'genotype':
      return { ref: { $case: 'genotype', value: text } };
    case 'nasbench201':
      return { ref: { $case: 'nasbench201', value: text } };
    case 'json':
      return { ref: { $case: 'spec', value: architectureToSpec(architecture) } };
  }
}

/** What a text means: a genotype, the JSON form, a NAS-Bench-201 string, or a name of the zoo. The text itself is not checked. */
export function refOfText(text: string): wire.ArchitectureRef {
  const value = text.trim();
  return { ref: { $case: textFormat(value), value } };
}

/**
 * The form in which a worker is sent an architecture: the JSON form becomes the spec, the display name is left out.
 *
 * @throws DomainError INVALID_ARGUMENT for JSON that is no architecture
 */
export function evaluableRef({ ref }: wire.ArchitectureRef, path: string): wire.ArchitectureRef {
  return ref?.$case === 'json' ? { ref: { $case: 'spec', value: architectureToSpec(readJson(ref.value, path)) } } : { ref };
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
    .replace(/\bhead\.conv\./, 'head.convolution.')
    .replace(/\bimageSize\b/, 'image_size');
}
