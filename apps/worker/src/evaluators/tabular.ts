import { writeNasBench201 } from '@nat/cells';
import type { architecture, evaluation } from '@nat/contracts';
import { columnOf, loadNasBench201, rowOfCell, type NasBench201Table } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { architectureFromRef } from '@nat/convert';
import { pairFault } from '../job/failure.ts';
import type { Execute } from '../job/job.ts';

/** Looks pairs up in NAS-Bench-201; the table is read at the first use and kept. */
export function createTabular({ dataDir }: { readonly dataDir: string | undefined }): Execute {
  let table: NasBench201Table | undefined;
  return ({ spec }) => {
    const { kind } = spec;
    if (kind?.$case !== 'tabular') throw new DomainError('UNIMPLEMENTED', 'not a tabular evaluation', { reason: 'UNKNOWN_KIND' });
    if (kind.value.table !== 'nasbench201') {
      throw new DomainError('NOT_FOUND', `the table ${kind.value.table} is not known: nasbench201 is`, { reason: 'UNKNOWN_TABLE' });
    }
    table ??= loadNasBench201(dataDir);
    return Promise.resolve(lookUp(table, kind.value));
  };
}

/** The values of all pairs. A pair whose cell is not in the table has an error instead. @throws DomainError INVALID_ARGUMENT UNKNOWN_COLUMN */
function lookUp(table: NasBench201Table, { column, pairs }: evaluation.TabularEvaluation): evaluation.Outcome {
  const values = columnOf(table, column);
  const valueOf = (ref: architecture.ArchitectureRef | undefined, field: string): number =>
    ref === undefined ? 0 : values[rowOfCell(table, cellOf(ref, field))]!;
  return {
    result: {
      $case: 'succeeded',
      value: {
        weights: '',
        metrics: {},
        values: pairs.map(({ id, source, result }, i) => {
          const value = { pairId: id, sourceValue: 0, resultValue: 0, sourceReport: undefined, resultReport: undefined, errorMessage: '' };
          try {
            return { ...value, sourceValue: valueOf(source, `pairs[${i}].source`), resultValue: valueOf(result, `pairs[${i}].result`) };
          } catch (error) {
            const errorMessage = pairFault(error);
            if (errorMessage === undefined) throw error;
            return { ...value, errorMessage };
          }
        }),
      },
    },
  };
}

/** Rows are found by exact string, so a cell string is taken as it stands. */
function cellOf(given: architecture.ArchitectureRef, field: string): string {
  return given.ref?.$case === 'nasbench201' ? given.ref.value : writeNasBench201(architectureFromRef(given, field));
}
