import { NASBENCH201_OPERATIONS, readNasBench201 } from '@nat/cells';
import { columnOf, type NasBench201Table } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import type { SearchSpace } from './space.ts';

/** Cells of one functional class in this many are held out: never a source in training, what a policy is measured on. */
export const HELD_OUT_MODULUS = 10;

/** Rows of a table by role: `iso_class % 10 === 0` is held out, the others are for training. */
export interface NasBench201Split {
  readonly training: readonly number[];
  readonly heldOut: readonly number[];
}

/** Splits by functional class, so that no held-out cell computes the same function as a training cell. */
export function splitNasBench201(table: NasBench201Table): NasBench201Split {
  const isoClass = columnOf(table, 'iso_class');
  const training: number[] = [];
  const heldOut: number[] = [];
  for (let row = 0; row < table.size; row++) (isoClass[row]! % HELD_OUT_MODULUS === 0 ? heldOut : training).push(row);
  return { training, heldOut };
}

/**
 * NAS-Bench-201: sources are the table's training cells, uniformly; results have the table's operations (of `nat++` the others are left out).
 * @throws DomainError FAILED_PRECONDITION, reason EMPTY_SPACE, for a table without training cells
 */
export function nasBench201Space(table: NasBench201Table): SearchSpace {
  const { training } = splitNasBench201(table);
  if (training.length === 0) throw new DomainError('FAILED_PRECONDITION', 'the table of NAS-Bench-201 holds no training cell', { reason: 'EMPTY_SPACE' });
  return {
    name: 'nasbench201',
    recurring: true,
    operations: NASBENCH201_OPERATIONS.map(({ primitive }) => primitive),
    sampleSource: (stream) => {
      const text = table.cells[training[stream.integer(training.length)]!]!;
      return { text, architecture: readNasBench201(text) };
    },
  };
}
