/** What the tables on NAS-Bench-201 share: the cells, and searches among them. */
import { loadNasBench201 } from '@nat/datasets';
import { NasBench201Task } from '../../nasbench201/held-out-gain.ts';
import type { RowContext } from '../result-table.ts';

let loaded: { readonly directory: string | undefined; readonly task: NasBench201Task } | undefined;

/** The task of a data directory; kept, because every row needs it. @throws DomainError where the data is not there */
export function taskOf({ dataDirectory }: Pick<RowContext, 'dataDirectory'>): NasBench201Task {
  if (loaded?.directory !== dataDirectory || loaded === undefined) {
    loaded = { directory: dataDirectory, task: new NasBench201Task(loadNasBench201(dataDirectory)) };
  }
  return loaded.task;
}
