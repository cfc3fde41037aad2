/** The tables of docs/results.md, in the order of the page. */
import { DomainError } from '@nat/base/errors';
import type { ResultTable } from './result-table.ts';
import { ablations } from './tables/ablations.ts';
import { CIFAR10_TABLES } from './tables/cifar10/cifar10.ts';
import { nasbench201 } from './tables/nasbench201.ts';
import { policies } from './tables/policies/policies.ts';
import { rewardModel } from './tables/reward-model.ts';

export const TABLES: readonly ResultTable[] = [nasbench201, rewardModel, ablations, ...CIFAR10_TABLES, policies];

/** @throws DomainError NOT_FOUND UNKNOWN_TABLE naming the tables there are */
export function findTable(name: string): ResultTable {
  const found = TABLES.find((table) => table.name === name);
  if (found !== undefined) return found;
  const known = TABLES.map((table) => table.name).join(', ');
  throw new DomainError('NOT_FOUND', `${name} is no table of results: ${known}`, { reason: 'UNKNOWN_TABLE', metadata: { table: name } });
}
