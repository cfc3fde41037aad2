import { writeNasBench201 } from '@nat/cells';
import type { architecture, evaluation } from '@nat/contracts';
import { architectureFromRef, tableName } from '@nat/convert';
import { columnOf, loadNasBench201, rowOfCell, type NasBench201Table } from '@nat/datasets';
import { DomainError } from '@nat/base/errors';
import { evaluateCandidate } from '../job/failure.ts';
import type { Execute } from '../job/job.ts';

/** Looks candidates up in NAS-Bench-201; the table is read at the first use and kept. */
export function createTabular({ dataDir }: { readonly dataDir: string | undefined }): Execute {
  let table: NasBench201Table | undefined;
  return async ({ spec: { kind } }) => {
    if (kind?.$case !== 'tabular') throw new DomainError('UNIMPLEMENTED', 'not a tabular evaluation', { reason: 'UNKNOWN_KIND' });
    if (tableName(kind.value.table) === undefined) {
      throw new DomainError('NOT_FOUND', `the table ${kind.value.table} is not known: nasbench201 is`, { reason: 'UNKNOWN_TABLE' });
    }
    table ??= loadNasBench201(dataDir);
    return { result: { $case: 'succeeded', value: { results: await lookUp(table, kind.value), metrics: {} } } };
  };
}

/** The values of candidates; one whose cell is not in the table has an error instead. @throws DomainError INVALID_ARGUMENT UNKNOWN_COLUMN */
async function lookUp(table: NasBench201Table, { column, candidates }: evaluation.TabularEvaluation): Promise<evaluation.CandidateResult[]> {
  const values = columnOf(table, column);
  const results: evaluation.CandidateResult[] = [];
  for (const [i, candidate] of candidates.entries()) {
    const find = () => Promise.resolve({ value: values[rowOfCell(table, cellOf(candidate.architecture, `candidates[${i}].architecture`))]! });
    results.push(await evaluateCandidate(candidate, find));
  }
  return results;
}

/** Rows are found by exact string, so a cell string is taken as it stands. */
function cellOf(ref: architecture.ArchitectureRef | undefined, field: string): string {
  return ref?.ref?.$case === 'nasbench201' ? ref.ref.value : writeNasBench201(architectureFromRef(ref, field));
}
