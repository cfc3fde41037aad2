import { type longrunning as wire, rpc, search as searchWire } from '@nat/contracts';
import { DomainError } from '@nat/base/errors';
import { domainErrorToStatus } from '@nat/service';
import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import { operationNames } from '../names.ts';
import type { OperationTable, Reader, Tx } from '../store/tables.ts';

export type OperationRow = Selectable<OperationTable>;

/** Signalled when an operation is new or has ended. */
export const OPERATION_CHANNEL = 'policy/operations';

const METADATA_TYPE = 'type.googleapis.com/nat.search.v1.DeriveMetadata';
const RESPONSE_TYPE = 'type.googleapis.com/nat.search.v1.DeriveResult';

/** @throws DomainError NOT_FOUND OPERATION_NOT_FOUND */
export async function findOperation(reader: Reader, name: string): Promise<OperationRow> {
  const { namespace, operation } = operationNames.parse(name);
  const row = await reader
    .selectFrom('policy.operation')
    .selectAll()
    .where('namespace', '=', namespace)
    .where('operation_id', '=', operation)
    .executeTakeFirst();
  if (row === undefined) throw new DomainError('NOT_FOUND', `there is no operation ${operation} in ${namespace}`, { reason: 'OPERATION_NOT_FOUND' });
  return row;
}

export async function listOperations(
  reader: Reader,
  page: { readonly namespace: string; readonly done: boolean | undefined; readonly before: number | undefined; readonly limit: number },
): Promise<readonly OperationRow[]> {
  let query = reader.selectFrom('policy.operation').selectAll().where('namespace', '=', page.namespace);
  if (page.done !== undefined) query = query.where('done', '=', page.done);
  if (page.before !== undefined) query = query.where('ordinal', '<', page.before);
  return query.orderBy('ordinal', 'desc').limit(page.limit).execute();
}

/** Ends an operation that has not ended, whoever owns it; false when it had. */
export async function endOperation(
  tx: Tx,
  ordinal: number,
  end: { readonly error: DomainError } | { readonly response: searchWire.DeriveResult },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('policy.operation')
    .set({
      done: true,
      owner: null,
      lease_expires_at: null,
      ...('error' in end
        ? { error: rpc.Status.encode(domainErrorToStatus(end.error)).finish() }
        : { response: searchWire.DeriveResult.encode(end.response).finish() }),
    })
    .where('ordinal', '=', ordinal)
    .where('done', '=', false)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Evaluated candidates of an operation. */
async function countEvaluated(reader: Reader, ordinal: number): Promise<number> {
  const { rows } = await sql<{ evaluated: number }>`
    SELECT coalesce(sum(e.candidates), 0)::int AS evaluated FROM policy.round r JOIN policy.evaluation e ON e.round = r.ordinal
    WHERE r.operation = ${ordinal} AND e.state <> 'PENDING'`.execute(reader);
  return rows[0]?.evaluated ?? 0;
}

export async function operationToWire(reader: Reader, row: OperationRow): Promise<wire.Operation> {
  const metadata = searchWire.DeriveMetadata.create({ candidates: row.candidates, evaluated: await countEvaluated(reader, row.ordinal) });
  return {
    name: operationNames.format({ namespace: row.namespace, operation: row.operation_id }),
    metadata: { typeUrl: METADATA_TYPE, value: searchWire.DeriveMetadata.encode(metadata).finish() },
    done: row.done,
    result:
      row.error !== null
        ? { $case: 'error', value: rpc.Status.decode(row.error) }
        : row.response !== null
          ? { $case: 'response', value: { typeUrl: RESPONSE_TYPE, value: row.response } }
          : undefined,
  };
}
