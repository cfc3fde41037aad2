/** What other code calls the operations, and how an unknown name is told. */
import { PRIMITIVE_NAMES, type PrimitiveName } from '../primitives/primitives.ts';

/**
 * Names of the same operations elsewhere: NAS-Bench-201 and NNI (`none`, `nor_conv_*`), Katib (`*_pooling_*`, `*_convolution_*`, `skip_connection`), and the order of
 * factorised kernels, which does not matter here.
 */
const NAMES_ELSEWHERE: ReadonlyMap<string, PrimitiveName> = new Map([
  ['none', 'null'],
  ['nor_conv_1x1', 'conv_1x1'],
  ['nor_conv_3x3', 'conv_3x3'],
  ['skip_connection', 'skip_connect'],
  ['max_pooling_2x2', 'max_pool_2x2'],
  ['max_pooling_3x3', 'max_pool_3x3'],
  ['max_pooling_5x5', 'max_pool_5x5'],
  ['avg_pooling_2x2', 'avg_pool_2x2'],
  ['avg_pooling_3x3', 'avg_pool_3x3'],
  ['avg_pooling_5x5', 'avg_pool_5x5'],
  ['separable_convolution_3x3', 'sep_conv_3x3'],
  ['separable_convolution_5x5', 'sep_conv_5x5'],
  ['separable_convolution_7x7', 'sep_conv_7x7'],
  ['dilated_convolution_3x3', 'dil_conv_3x3'],
  ['dilated_convolution_5x5', 'dil_conv_5x5'],
  ['convolution_1x1', 'conv_1x1'],
  ['convolution_3x3', 'conv_3x3'],
  ['convolution_5x5', 'conv_5x5'],
  ['conv_3x1_1x3', 'conv_1x3_3x1'],
]);

/** The primitive of a name, as it is called here or elsewhere; undefined for another. */
export function primitiveNamed(name: string): PrimitiveName | undefined {
  return PRIMITIVE_NAMES.find((known) => known === name) ?? NAMES_ELSEWHERE.get(name);
}

/** What is wrong with a name that `primitiveNamed` does not know. */
export function unknownOperation(name: string): string {
  const nearest = nearestName(name, PRIMITIVE_NAMES);
  return `unknown operation ${JSON.stringify(name.slice(0, 40))}: ${nearest === undefined ? `known are ${PRIMITIVE_NAMES.join(', ')}` : `the nearest that is known is ${nearest}`}`;
}

/** The known name that differs least, where a third of it or less has to change. Case does not count. */
export function nearestName<Name extends string>(name: string, known: readonly Name[]): Name | undefined {
  const wanted = name.slice(0, MAX_COMPARED).toLowerCase();
  let nearest: Name | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < least && 3 * distance <= Math.max(wanted.length, candidate.length)) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

/** The work of a comparison is bounded. */
const MAX_COMPARED = 64;

/** Levenshtein's: characters inserted, deleted or exchanged between two texts. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
