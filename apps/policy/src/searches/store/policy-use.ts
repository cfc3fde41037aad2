import { sql } from 'kysely';
import { policyNames, versionNames } from '../../policies/names.ts';
import type { FindPolicyUse } from '../../policies/policy-handlers.ts';
import { operationNames, searchNames } from '../names.ts';

/**
 * Searches that run or are paused, which write the policy or began with one of its versions, and operations that transform with it. A search names versions
 * anywhere in what it runs, so all of its texts are looked at.
 */
export const findPolicyUse: FindPolicyUse = async (tx, { namespace, policy, version }) => {
  const wanted = version === undefined ? `${policyNames.format({ namespace, policy })}/versions/` : versionNames.format({ namespace, policy, version });
  const search = await sql<{ namespace: string; search_id: string }>`
    SELECT namespace, search_id FROM policy.search
    WHERE state IN ('RUNNING', 'PAUSED') AND (
      (${version === undefined} AND namespace = ${namespace} AND search_id = ${policy})
      OR EXISTS (
        SELECT FROM jsonb_path_query(effective_spec, 'strict $.** ? (@.type() == "string")') AS text
        WHERE ${version === undefined ? sql`starts_with(text #>> '{}', ${wanted})` : sql`text #>> '{}' = ${wanted}`}))
    LIMIT 1`.execute(tx);
  const [found] = search.rows;
  if (found !== undefined) return searchNames.format({ namespace: found.namespace, search: found.search_id });
  const operation = await sql<{ namespace: string; operation_id: string }>`
    SELECT namespace, operation_id FROM policy.operation
    WHERE NOT done AND ${version === undefined ? sql`starts_with(policy_version, ${wanted})` : sql`policy_version = ${wanted}`} LIMIT 1`.execute(tx);
  const [open] = operation.rows;
  return open === undefined ? undefined : operationNames.format({ namespace: open.namespace, operation: open.operation_id });
};
