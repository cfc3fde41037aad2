import { type evaluation } from '@nat/contracts';
import { DomainError, type FieldViolation } from '@nat/base/errors';
import { isBlobKey } from '@nat/storage';
import type { EvaluationKind } from '../tables/tables.ts';
import { hashPairIds } from './specification.ts';

const REASON = /^[A-Z][A-Z0-9_]{0,62}$/;
const MAX_VIOLATIONS = 20;

/** What an outcome must answer. */
export interface Asked {
  readonly kind: EvaluationKind;
  readonly pairs: number;
  readonly pairsSha256: string;
}

/**
 * Checks an outcome against what was asked.
 * @throws DomainError INVALID_ARGUMENT INVALID_OUTCOME: other pairs than asked, numbers that are not finite, no weights where weights are the answer
 */
export function checkOutcome(outcome: evaluation.Outcome, asked: Asked): void {
  const violations: FieldViolation[] = [];
  const { result } = outcome;
  switch (result?.$case) {
    case 'succeeded':
      checkSucceeded(result.value, asked, violations);
      break;
    case 'failed':
      if (!REASON.test(result.value.reason))
        violations.push({ field: 'outcome.failed.reason', description: 'is not UPPER_SNAKE_CASE of at most 63 characters' });
      break;
    case 'cancelled':
      break;
    case undefined:
      violations.push({ field: 'outcome', description: 'a result is required' });
  }
  if (violations.length > 0) throw DomainError.invalidFields(violations.slice(0, MAX_VIOLATIONS), 'INVALID_OUTCOME');
}

function checkSucceeded({ values, weights, metrics }: evaluation.Succeeded, asked: Asked, violations: FieldViolation[]): void {
  const field = 'outcome.succeeded';
  if (values.length !== asked.pairs || hashPairIds(values.map(({ pairId }) => pairId)) !== asked.pairsSha256) {
    violations.push({ field: `${field}.values`, description: `are not the ${asked.pairs} pairs asked for, in their order` });
  }
  for (const [i, value] of values.entries()) {
    if (isFiniteValue(value)) continue;
    violations.push({ field: `${field}.values[${i}]`, description: `has a number that is not finite, for the pair ${value.pairId}` });
  }
  const needsWeights = asked.kind === 'train-shard' || asked.kind === 'average';
  if (needsWeights ? !isBlobKey(weights) : weights !== '') {
    violations.push({ field: `${field}.weights`, description: needsWeights ? 'is not the key of a blob' : 'must be empty for this kind' });
  }
  for (const [name, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) violations.push({ field: `${field}.metrics[${JSON.stringify(name)}]`, description: `${value} is not a finite number` });
  }
}

function isFiniteValue({ sourceValue, resultValue, sourceReport, resultReport }: evaluation.PairValue): boolean {
  return Number.isFinite(sourceValue) && Number.isFinite(resultValue) && isFiniteReport(sourceReport) && isFiniteReport(resultReport);
}

function isFiniteReport(report: evaluation.ChildReport | undefined): boolean {
  if (report === undefined) return true;
  const { validationAccuracy, testAccuracy = 0, seconds, imagesPerSecond } = report;
  return [validationAccuracy, testAccuracy, seconds, imagesPerSecond].every(Number.isFinite);
}
