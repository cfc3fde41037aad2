/** Architectures and placements inside stored messages get the form that the contracts have now. Versions before this one do not read it. */
import { rewriteMessage, upgradeArchitectureRef, upgradeArchitectureSpec, upgradePlacement, within } from '@nat/convert';
import type { Migration } from '@nat/storage';
import { sql, type Transaction } from 'kysely';

export const storedArchitectures: Migration = {
  id: '0009-stored-architectures',
  kind: 'contract',
  up: rewriteOperations,
};

/** DeriveArchitectureRequest and DeriveResult. */
async function rewriteOperations(tx: Transaction<unknown>): Promise<void> {
  const { rows } = await sql<{ ordinal: number; request: Uint8Array; response: Uint8Array | null }>`
    SELECT ordinal, request, response FROM policy.operation`.execute(tx);
  for (const { ordinal, request, response } of rows) {
    const derived = response === null ? null : rewriteMessage(response, { 1: within(1, rewriteSource), 2: within(2, rewriteResult) });
    await sql`UPDATE policy.operation SET request = ${rewriteRequest(request)}, response = ${derived} WHERE ordinal = ${ordinal}`.execute(tx);
  }
}

function rewriteRequest(request: Uint8Array): Uint8Array {
  return rewriteMessage(request, { 2: within(2, upgradeArchitectureRef), 6: within(6, upgradePlacement) });
}

/** TransformedSource. */
function rewriteSource(source: Uint8Array): Uint8Array {
  return rewriteMessage(source, { 2: within(2, upgradeArchitectureSpec) });
}

/** TransformResult. */
function rewriteResult(result: Uint8Array): Uint8Array {
  return rewriteMessage(result, { 1: within(1, upgradeArchitectureSpec) });
}
