/** What the tables on NAS-Bench-201 share: the cells, and searches among them. */
import { loadNasBench201 } from '@nat/datasets';
import { isDomainError, type DomainError } from '@nat/errors';
import { NasBench201Task } from '@nat/search';
import type { RowContext } from '../result-table.ts';

let loaded: { readonly directory: string | undefined; readonly task: NasBench201Task } | undefined;

/** The task of a data directory; kept, because every row needs it. @throws DomainError where the data is not there */
export function taskOf({ dataDirectory }: Pick<RowContext, 'dataDirectory'>): NasBench201Task {
  if (loaded?.directory !== dataDirectory || loaded === undefined) {
    loaded = { directory: dataDirectory, task: new NasBench201Task(loadNasBench201(dataDirectory)) };
  }
  return loaded.task;
}

/** `ResultTable.unavailable` of a table on NAS-Bench-201. */
export function taskUnavailable(context: Pick<RowContext, 'dataDirectory'>): DomainError | undefined {
  try {
    taskOf(context);
    return undefined;
  } catch (error) {
    if (isDomainError(error)) return error;
    throw error;
  }
}
