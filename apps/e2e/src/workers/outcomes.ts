import type { evaluation } from '@nat/contracts';
import { statusToDomainError } from '@nat/service';

/** What an evaluation succeeded with. @throws Error with its outcome when it did not */
export function succeededOf({ name, outcome }: evaluation.Evaluation): evaluation.Succeeded {
  if (outcome?.result?.$case !== 'succeeded') throw new Error(`${name}: ${JSON.stringify(outcome)}`);
  return outcome.result.value;
}

/** Why an evaluation failed: `REASON: message`. @throws Error with its outcome when it did not */
export function failureOf({ name, outcome }: evaluation.Evaluation): string {
  if (outcome?.result?.$case !== 'failed') throw new Error(`${name}: ${JSON.stringify(outcome)}`);
  const { reason, message } = statusToDomainError(outcome.result.value.error!);
  return `${reason}: ${message}`;
}

/** The value of a candidate, or the reason why it has none. */
export function valueOf({ result }: evaluation.CandidateResult): number | string {
  if (result?.$case === 'value') return result.value;
  return result === undefined ? 'nothing' : statusToDomainError(result.value).reason;
}

/** A candidate by its name in the zoo, which is its id too. */
export function zoo(name: string, id = name): evaluation.Candidate {
  return { id, architecture: { ref: { $case: 'zoo', value: name } } };
}
