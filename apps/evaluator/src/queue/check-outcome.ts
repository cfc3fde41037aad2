import type { evaluation } from '@nat/contracts';
import type { EvaluationKindName } from '@nat/convert';
import { DomainError, type FieldViolation } from '@nat/base/errors';
import { statusToDomainError } from '@nat/service';
import { isBlobKey } from '@nat/storage';
import { hashCandidateIds } from './specification.ts';

const REASON = /^[A-Z][A-Z0-9_]{0,62}$/;
const MAX_VIOLATIONS = 20;

/** What an outcome must answer. */
export interface Asked {
  readonly kind: EvaluationKindName;
  readonly candidates: number;
  readonly candidatesSha256: string;
}

/**
 * Checks an outcome against what was asked.
 * @throws DomainError INVALID_ARGUMENT INVALID_OUTCOME: other candidates than asked, metrics that are not finite, no weights where weights are the answer
 */
export function checkOutcome({ result }: evaluation.Outcome, asked: Asked): void {
  const violations = violationsOf(result, asked);
  if (violations.length > 0) throw DomainError.invalidFields(violations.slice(0, MAX_VIOLATIONS), 'INVALID_OUTCOME');
}

function violationsOf(result: evaluation.Outcome['result'], asked: Asked): readonly FieldViolation[] {
  switch (result?.$case) {
    case 'succeeded':
      return succeededViolations(result.value, asked);
    case 'failed': {
      const { error } = result.value;
      if (error !== undefined && REASON.test(statusToDomainError(error).reason)) return [];
      return [{ field: 'outcome.failed.error', description: 'has no reason that is UPPER_SNAKE_CASE of at most 63 characters' }];
    }
    case 'cancelled':
      return [];
    case undefined:
      return [{ field: 'outcome', description: 'a result is required' }];
  }
}

function succeededViolations({ results, weights, metrics }: evaluation.Succeeded, asked: Asked): readonly FieldViolation[] {
  const field = 'outcome.succeeded';
  const violations: FieldViolation[] = [];
  if (results.length !== asked.candidates || hashCandidateIds(results.map(({ candidateId }) => candidateId)) !== asked.candidatesSha256) {
    violations.push({ field: `${field}.results`, description: `are not the ${asked.candidates} candidates asked for, in their order` });
  }
  const needsWeights = asked.kind === 'train-shard' || asked.kind === 'average';
  if (needsWeights ? weights === undefined || !isBlobKey(weights) : weights !== undefined) {
    violations.push({ field: `${field}.weights`, description: needsWeights ? 'is not the key of a blob' : 'must be absent for this kind' });
  }
  for (const [name, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) violations.push({ field: `${field}.metrics[${JSON.stringify(name)}]`, description: `${value} is not a finite number` });
  }
  return violations;
}
