/** How long a request may be: what the contracts let a field hold, and for most methods a fraction of that. */
import { DomainError } from '@nat/base/errors';

const MIB = 1024 * 1024;
const USUAL_BYTES = 4 * MIB;

/** Methods whose requests carry checkpoints, or many evaluations of up to 1,024 pairs each. Bytes. */
const LARGE_REQUESTS: Readonly<Record<string, number>> = {
  '/nat.policy.v1.PolicyService/ImportPolicy': 65 * MIB, // a checkpoint of 64 MiB and what is said about it
  '/nat.evaluation.v1.EvaluationService/SubmitEvaluations': 64 * MIB,
  '/nat.evaluation.v1.WorkerService/CompleteEvaluation': 64 * MIB,
  '/nat.evaluation.v1.WorkerService/CompleteEvaluations': 64 * MIB,
};

/** No request of any method is longer. */
export const LONGEST_REQUEST_BYTES = Math.max(...Object.values(LARGE_REQUESTS));

/** @throws DomainError RESOURCE_EXHAUSTED REQUEST_TOO_LARGE */
export function requireRequestSize(path: string, bytes: number, usualBytes = USUAL_BYTES): void {
  const most = LARGE_REQUESTS[path] ?? usualBytes;
  if (bytes <= most) return;
  throw new DomainError('RESOURCE_EXHAUSTED', `the request has ${bytes} bytes; this method takes ${most}`, { reason: 'REQUEST_TOO_LARGE' });
}
