/** Rewrites the rows of evaluations that carried pairs. */
import { evaluation } from '@nat/contracts';
import { blobsOf, evaluationKindOf } from '@nat/convert';
import { json } from '@nat/storage';
import { sql, type Transaction } from 'kysely';
import { describeSpecification, sha256 } from '../queue/specification.ts';
import { pack, unpack } from './packing.ts';
import { convertOutcome, convertSpec, type PairedCandidate } from './pair-format/to-candidates.ts';

/** Rows in memory at the same time. */
const CHUNK = 200;

interface Row {
  readonly ordinal: number;
  readonly spec: Uint8Array;
  readonly outcome: Uint8Array | null;
  readonly observations: number;
}

/**
 * Every evaluation carries candidates afterwards, whatever its state: what is queued is evaluated as such, what has ended keeps its values. The hash of
 * the specification as it was submitted is given up, so that its asker may submit it again in the new form.
 */
export async function convertPairs(tx: Transaction<unknown>): Promise<void> {
  for (let after = 0; ;) {
    const { rows } = await sql<Row>`
      SELECT ordinal, spec, outcome, observations FROM evaluator.evaluation WHERE ordinal > ${after} ORDER BY ordinal LIMIT ${CHUNK}`.execute(tx);
    for (const row of rows) await convertRow(tx, row);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.ordinal;
  }
}

async function convertRow(tx: Transaction<unknown>, row: Row): Promise<void> {
  const { spec, candidates } = convertSpec(unpack(row.spec));
  const kind = evaluationKindOf(spec)!;
  const described = describeSpecification(kind, spec);
  const outcome = row.outcome === null ? undefined : convertOutcome(unpack(row.outcome), candidates);
  const outcomeBytes = outcome && evaluation.Outcome.encode(outcome).finish();
  const blobs = outcome === undefined ? described.blobs : outcome.result?.$case === 'succeeded' ? blobsOf(outcome.result.value) : [];
  await sql`
    UPDATE evaluator.evaluation SET spec = ${pack(described.bytes)}, spec_bytes = ${described.bytes.length}, spec_sha256 = '',
      candidates = ${described.candidates}, candidates_sha256 = ${described.candidatesSha256}, weights = ${described.weights ?? null},
      outcome = ${outcomeBytes === undefined ? null : pack(outcomeBytes)}, outcome_sha256 = ${outcomeBytes === undefined ? null : sha256(outcomeBytes)},
      blobs = ${json(blobs)}
    WHERE ordinal = ${row.ordinal}`.execute(tx);
  if (row.observations > 0) await convertObservations(tx, row.ordinal, candidates);
}

/** Metrics of a pair were named `source/trainLoss` and `result/trainLoss`. */
async function convertObservations(tx: Transaction<unknown>, ordinal: number, candidates: readonly PairedCandidate[]): Promise<void> {
  for (const { pairId, role, candidate } of candidates) {
    await sql`
      UPDATE evaluator.observation SET candidate_id = ${candidate.id}, metric = substr(metric, ${role.length + 2})
      WHERE ordinal = ${ordinal} AND candidate_id = ${pairId} AND starts_with(metric, ${`${role}/`})`.execute(tx);
  }
}
