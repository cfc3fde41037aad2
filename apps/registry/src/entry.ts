import { architectureCost, architectureIdentity, type Architecture, type Cost, type PlacementOptions } from '@nat/cells';
import { DomainError, isDomainError, type FieldViolation } from '@nat/base/errors';
import { resourceNames } from '@nat/service';

export const architectureNames = resourceNames('namespaces/{namespace}/architectures/{architecture}');

/** An architecture that the registry knows: one of the zoo, or a stored one. */
export interface Entry {
  /** namespaces/* /architectures/* */
  readonly name: string;
  readonly displayName: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The submitted form. Absent where a list was asked without it. */
  readonly architecture: Architecture | undefined;
  readonly identity: string;
  /** In the default evaluation network. */
  readonly cost: Cost;
  /** Resource name of what it was transformed from; empty for none. */
  readonly parentArchitecture: string;
  /** Absent for the zoo. */
  readonly createTime?: Date;
  readonly updateTime?: Date;
  readonly etag: string;
}

/**
 * What storing an architecture needs to know of it.
 * @param field where it stands in the request
 * @throws DomainError INVALID_ARGUMENT, when it cannot be placed or its cost passes 2^53
 */
export function measure(architecture: Architecture, field: string): { readonly identity: string; readonly cost: Cost } {
  return { identity: architectureIdentity(architecture), cost: costOf(architecture, field) };
}

/** The cost of an architecture that stands at `field` in the request. @throws DomainError INVALID_ARGUMENT as `measure` */
export function costOf(architecture: Architecture, field: string, options: PlacementOptions = {}): Cost {
  try {
    return architectureCost(architecture, options);
  } catch (error) {
    // Declared costs of fixed operations may add up to more than 64-bit floating point counts exactly.
    if (isDomainError(error) && error.reason === 'TOO_LARGE') throw DomainError.invalid(field, 'costs more than 2^53', error.reason);
    throw error;
  }
}

const LABEL_KEY = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;
const MAX_LABEL_LENGTH = 256;
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Throws INVALID_ARGUMENT for labels and display names that a list or a terminal cannot show. */
export function checkPresentation({ displayName, labels }: { readonly displayName: string; readonly labels: Readonly<Record<string, string>> }, at = ''): void {
  const violations: FieldViolation[] = [];
  if (CONTROL.test(displayName)) violations.push({ field: `${at}display_name`, description: 'must be without control characters' });
  for (const [key, value] of Object.entries(labels)) {
    const field = `${at}labels[${JSON.stringify(key.slice(0, 80))}]`;
    if (!LABEL_KEY.test(key)) violations.push({ field, description: 'a key is a letter and up to 62 letters, digits, ., _ or -' });
    if (value.length > MAX_LABEL_LENGTH || CONTROL.test(value)) {
      violations.push({ field, description: `a value is at most ${MAX_LABEL_LENGTH} characters without control characters` });
    }
  }
  if (violations.length > 0) throw DomainError.invalidFields(violations);
}

export function notFound(name: string): DomainError {
  return new DomainError('NOT_FOUND', `${name} does not exist`, { reason: 'ARCHITECTURE_NOT_FOUND', metadata: { name } });
}
