import { DomainError } from '@nat/base/errors';
import { insertNewRows, type Database } from '@nat/storage';
import type { Specification } from './specification.ts';
import { pack } from '../tables/packing.ts';
import type { EvaluatorTables } from '../tables/tables.ts';
import { assignStartTags } from './start-tags.ts';

export interface Submission {
  /** namespaces/* /evaluations/* */
  readonly name: string;
  readonly namespace: string;
  readonly specification: Specification;
  /** W3C trace context of the call that submits it. */
  readonly traceparent?: string | undefined;
}

/**
 * Puts evaluations into the queue, all or none. Those that are there already with the same specification stay as they are, whatever their state.
 * @returns how many are new
 * @throws DomainError ALREADY_EXISTS when one is there with another specification
 */
export async function submitEvaluations(database: Database<EvaluatorTables>, submissions: readonly Submission[]): Promise<number> {
  return database.transaction(async (tx) => {
    const startTags = await assignStartTags(
      tx,
      submissions.map(({ specification }) => specification),
    );
    const created = await insertNewRows(tx, {
      table: 'evaluator.evaluation',
      columns: {
        name: 'text',
        namespace: 'text',
        kind: 'text',
        search: 'text',
        priority: 'int4',
        required: 'jsonb',
        max_attempts: 'int4',
        spec: 'bytea',
        spec_bytes: 'int4',
        spec_sha256: 'text',
        candidates: 'int4',
        candidates_sha256: 'text',
        resume_from: 'text',
        start_tag: 'int8',
        blobs: 'jsonb',
        traceparent: 'text',
        weights: 'text',
      },
      key: 'name',
      rows: submissions.map(({ name, namespace, specification, traceparent }, i) => ({
        name,
        namespace,
        kind: specification.kind,
        search: specification.search,
        priority: specification.priority,
        required: specification.required,
        max_attempts: specification.maxAttempts,
        spec: pack(specification.bytes),
        spec_bytes: specification.bytes.length,
        spec_sha256: specification.sha256,
        candidates: specification.candidates,
        candidates_sha256: specification.candidatesSha256,
        resume_from: specification.resumeFrom ?? '',
        start_tag: startTags[i]!,
        blobs: specification.blobs,
        traceparent: traceparent ?? null,
        weights: specification.weights ?? null,
      })),
    });
    const there = submissions.filter(({ name }) => !created.has(name));
    if (there.length > 0) {
      const rows = await tx
        .selectFrom('evaluator.evaluation')
        .select(['name', 'spec_sha256'])
        .where(
          'name',
          'in',
          there.map(({ name }) => name),
        )
        .execute();
      const hashes = new Map(rows.map((row) => [row.name, row.spec_sha256]));
      const other = there.find(({ name, specification }) => hashes.get(name) !== '' && hashes.get(name) !== specification.sha256);
      if (other !== undefined) {
        throw new DomainError('ALREADY_EXISTS', `${other.name} exists with another specification`, {
          reason: 'EVALUATION_EXISTS',
          metadata: { name: other.name },
        });
      }
    }
    return created.size;
  });
}
